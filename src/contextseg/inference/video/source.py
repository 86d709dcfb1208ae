"""Frames of a video file or a webcam, with those that cannot be decoded in their places."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from contextseg.data.images import ImageError, require_file
from contextseg.data.suffixes import VIDEO_SUFFIXES
from contextseg.inference.video.quiet import quiet

USUAL_RATE = 25.0
"""Frames per second where a source does not state a rate."""
MOST_LOST = 50
"""Frames that a webcam may fail to deliver in a row before it counts as gone."""

VideoSource = str | os.PathLike[str] | int
"""A video file, or the number of a webcam."""


class Frame(NamedTuple):
    """A frame of a video."""

    number: int
    """Its place in the video, from 0. Numbers of a webcam follow the clock and may have gaps."""
    seconds: float
    """Its time in the video: number / rate."""
    pixels: np.ndarray | None
    """[h, w, 3], uint8, RGB; None if it cannot be decoded."""


class Video(NamedTuple):
    """An open video."""

    name: str
    """The file, or the webcam, for messages."""
    rate: float
    """Frames per second."""
    stated: int | None
    """Number of frames in the file's header, which some formats estimate; None of a webcam."""
    frames: Generator[Frame, None, None]
    """The frames, in their order, each to be taken once."""

    @property
    def is_live(self) -> bool:
        """Whether this is a webcam, which has no end of its own."""
        return self.stated is None


def is_video(source: Any) -> bool:
    """Whether this is the name of a video, by its suffix; a number is a webcam."""
    if isinstance(source, str | os.PathLike):
        return Path(os.fsdecode(source)).suffix.lower() in VIDEO_SUFFIXES
    return isinstance(source, int) and not isinstance(source, bool)


@contextmanager
def opened(source: VideoSource) -> Iterator[Video]:
    """Open a video file or a webcam for the duration of the block.

    Args:
        source: the file, or the number of the webcam; 0 is the first one.

    Raises:
        ImageError: there is no such file or webcam, or the file is no video.
    """
    with quiet():
        if isinstance(source, int):
            capture = cv2.VideoCapture(source)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, where the driver can
            name = f"webcam {source}"
            if not capture.isOpened():
                raise ImageError(f"{name}: there is none, or another program uses it.")
        else:
            require_file(source)
            name = os.fspath(source)
            if not os.path.exists(name):
                raise ImageError(f"{name}: no such file.")
            capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
            if not capture.isOpened():
                raise ImageError(
                    f"{name} cannot be opened as a video: it is cut off, damaged, or in a format "
                    f"that OpenCV does not decode."
                )
    rate = capture.get(cv2.CAP_PROP_FPS)
    rate = rate if math.isfinite(rate) and 0 < rate <= 1000 else USUAL_RATE
    if isinstance(source, int):
        stated, frames = None, _of_webcam(name, capture, rate)
    else:
        stated = max(0, round(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        frames = _of_file(name, capture, rate)
    try:
        with closing(frames):
            yield Video(name, rate, stated, frames)
    finally:
        capture.release()


def _of_file(name: str, capture: cv2.VideoCapture, rate: float) -> Generator[Frame, None, None]:
    """The frames of a file. Each that OpenCV fails to decode is one failing call of `read`, which
    looks like the end of the file; whether it is, the packets of the file tell."""
    number, lost, latest = 0, 0, -math.inf
    packets = _Packets(name)
    while True:
        found, pixels = capture.read()
        if found:
            for place in range(number, number + lost):
                yield Frame(place, place / rate, None)
            number, lost = number + lost, 0
            yield Frame(number, number / rate, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
            number += 1
            latest = capture.get(cv2.CAP_PROP_POS_MSEC)
        elif packets.has(number + lost + 1):
            lost += 1
        else:
            break
    # Not every packet is a frame, so those at the end count only if their time has not come yet.
    for place in range(number, number + min(lost, packets.after(latest))):
        yield Frame(place, place / rate, None)


class _Packets:
    """The packets of a file, which hold a frame each; they are read only as far as asked for."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._capture: cv2.VideoCapture | None = None
        self._times: list[float] = []  # milliseconds

    def has(self, count: int) -> bool:
        """Whether there are at least `count` packets."""
        if self._capture is None:
            self._capture = cv2.VideoCapture(self._name, cv2.CAP_FFMPEG)
            if not self._capture.set(cv2.CAP_PROP_FORMAT, -1):  # packets instead of frames
                self._capture.release()
        while len(self._times) < count and self._capture.grab():
            self._times.append(self._capture.get(cv2.CAP_PROP_POS_MSEC))
        if len(self._times) < count:
            self._capture.release()
        return len(self._times) >= count

    def after(self, milliseconds: float) -> int:
        """How many of the packets read so far come after a time."""
        return sum(each > milliseconds for each in self._times)


def _of_webcam(name: str, capture: cv2.VideoCapture, rate: float) -> Generator[Frame, None, None]:
    """The frames of a webcam, numbered by the time since the first one."""
    start, number, lost = None, -1, 0
    while True:
        found, pixels = capture.read()
        if not found:
            lost += 1
            if lost == MOST_LOST:
                raise ImageError(f"{name} delivers no frames any more.")
            continue
        now, lost = time.monotonic(), 0
        start = now if start is None else start
        number = max(number + 1, round((now - start) * rate))
        yield Frame(number, number / rate, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
