"""Write a video file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from contextseg.inference.video.quiet import quiet
from contextseg.system.work_folders import folder_beside

CODECS = {".mp4": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "MJPG", ".webm": "VP90"}
"""What OpenCV's wheels can encode, by suffix."""


def check_target(path: Path) -> None:
    """Raise ValueError unless this is the name of a video that can be written."""
    if path.suffix.lower() not in CODECS:
        raise ValueError(f"{path}: videos are written as {', '.join(CODECS)}.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the name of a file.")


class VideoTarget:
    """A video that is being written; its first frame sets the size."""

    def __init__(self, path: Path, rate: float) -> None:
        self.path = path
        self.rate = rate
        self.frames = 0
        """Frames written."""
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def write(self, pixels: np.ndarray, times: int = 1) -> None:
        """Append a frame, [h, w, 3], uint8, RGB. One of another size than the first is resized."""
        size = pixels.shape[1], pixels.shape[0]
        if self._writer is None:
            self._writer, self._size = self._opened(size), size
        if size != self._size:
            pixels = cv2.resize(pixels, self._size, interpolation=cv2.INTER_AREA)
        encoded = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        for _ in range(times):
            self._writer.write(encoded)
        self.frames += times

    def close(self) -> None:
        """Complete the file.

        Raises:
            OSError: the file does not hold all frames: OpenCV does not report a full disk.
        """
        if self._writer is None:
            return
        self._writer.release()
        with quiet():
            written = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
            count = round(written.get(cv2.CAP_PROP_FRAME_COUNT)) if written.isOpened() else 0
            written.release()
        if count < self.frames:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def abandon(self) -> None:
        """Close the file, whatever it holds."""
        if self._writer is not None:
            self._writer.release()

    def _opened(self, size: tuple[int, int]) -> cv2.VideoWriter:
        codec = CODECS[self.path.suffix.lower()]
        with quiet():
            writer = cv2.VideoWriter(
                str(self.path),
                cv2.CAP_FFMPEG,
                cv2.VideoWriter.fourcc(*codec),
                self.rate,
                size,
            )
        if not writer.isOpened():
            raise ValueError(
                f"{self.path.name}: OpenCV cannot encode {codec} for {size[0]} x {size[1]} pixels "
                f"at {self.rate:g} frames/s. Choose another suffix: {', '.join(CODECS)}."
            )
        return writer


@contextmanager
def written_atomically(path: Path, rate: float) -> Iterator[VideoTarget]:
    """A video that replaces `path` when the block ends; if it raises, nothing is left behind.

    A killed process leaves a hidden folder beside `path`; the next one that writes it removes it.

    Raises:
        OSError: the folder cannot be written to, or the disk is full.
    """
    with folder_beside(path) as folder:
        target = VideoTarget(folder / path.name, rate)
        try:
            yield target
            target.close()
        finally:
            target.abandon()
        if target.frames:
            with target.path.open("rb") as file:
                os.fsync(file.fileno())
            target.path.replace(path)
