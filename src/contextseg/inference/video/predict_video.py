"""Segment a video into a video of overlays, and masks."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from contextseg.inference.earlier import OutputExistsError
from contextseg.inference.video.frames import FramePrediction, check_every, segmented
from contextseg.inference.video.source import Frame, Video, VideoSource, opened
from contextseg.inference.video.target import VideoTarget, check_target, written_atomically
from contextseg.system.progress import track
from contextseg.system.progress.lines import rate

if TYPE_CHECKING:
    from contextseg.inference.predictor import Predictor

BEHIND = 3
"""Frames that wait to be drawn and encoded while the network runs."""
MASK = "{:06d}.png"
_MASK = re.compile(r"\d{6,}\.png")


@dataclass(kw_only=True, slots=True)
class VideoSummary:
    """What became of a video."""

    rate: float
    """Frames per second, of both videos."""
    frames: int = 0
    """Frames written: as many as were read, with those that could not be decoded."""
    segmented: int = 0
    """Frames that the network saw."""
    damaged: list[Frame] = field(default_factory=list)
    """Frames that could not be decoded; the result of another frame stands in their places."""
    missing: int = 0
    """Frames that the file's header states, but that are not in the file, which is cut off."""


def predict_video(
    predictor: Predictor,
    source: VideoSource,
    out: str | os.PathLike[str],
    *,
    masks: str | os.PathLike[str] | None = None,
    every: int = 1,
    smooth: float = 0.0,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int | tuple[int, int] | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> VideoSummary:
    """Segment a video; the result is a video of overlays with the same rate and number of frames.

    Frames between those that the network sees are drawn with the latest mask. A frame that cannot
    be decoded shows the overlay before it once more (at the beginning, the one after it), and has
    no mask. A webcam is recorded by the clock: frames that it delivers while the network is busy
    are dropped, and the overlay before stands in their places.

    The video appears under its name when it is complete. Ctrl-C completes the video of a webcam,
    and discards that of a file.

    Args:
        predictor: the model, for photos.
        source: a video file, or the number of a webcam.
        out: file to write: .mp4, .mov or .mkv (MPEG-4), .avi (Motion JPEG) or .webm (VP9).
        masks: folder for the masks of the segmented frames, 000000.png and so on, by the number of
            the frame; palette PNGs of class ids.
        every: segment each `every`-th frame.
        smooth: weight of the past in the exponential mean of logits, at least 0 and below 1.
        scales: as in `Predictor`, like `flip` and `window`.
        limit: number of frames to stop after; None takes all.
        overwrite: replace the video, and all masks in the folder.
        progress: called with the frames done, and those that the file states.

    Raises:
        OutputExistsError: the video or masks exist already; nothing has been written.
        ImageError: there is no such file or webcam, or no frame of it can be decoded.
        ValueError: an option is out of range, or the model takes other images than photos.
        OSError: the results cannot be written.
    """
    target, folder = Path(out), None if masks is None else Path(masks)
    check_target(target)
    check_every(every)
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1 frame, got {limit}.")
    if not isinstance(source, int) and target.exists() and target.samefile(source):
        raise ValueError(f"{target}: the result would replace the video itself.")
    earlier = [] if folder is None or not folder.is_dir() else _masks_in(folder)
    for path in (*([target] if target.exists() else []), *earlier[:1]):
        if not overwrite:
            raise OutputExistsError(f"{path} exists already. Add --overwrite (overwrite=True).")
    predict = predictor.frame_segmenter(smooth=smooth, scales=scales, flip=flip, window=window)
    with (
        opened(source) as video,
        track(f"predicting {video.name}", "frames", also=progress) as task,
        written_atomically(target, video.rate) as file,
    ):
        for path in earlier:
            path.unlink()
        summary = VideoSummary(rate=video.rate)
        expected = min((each for each in (limit, video.stated) if each), default=0)
        results = segmented(islice(video.frames, limit), predict, every)
        with (
            _writing(_Drawing(file, folder, summary)) as write,
            _until_stopped(video),
            closing(results),
        ):
            for number, (frame, prediction) in enumerate(results, 1):
                write(frame, prediction)
                task(number, max(number, expected))
                speed = task.speed()
                task.text = "" if speed is None else f"{rate(speed)} frames/s"
        summary.frames = file.frames
        if not file.frames:
            raise ValueError(f"{video.name}: no frame of this video can be decoded.")
    if limit is None and video.stated:
        missing = video.stated - summary.frames
        # Formats without a number of frames estimate it from the duration.
        summary.missing = missing if missing > max(2, video.stated // 50) else 0
    return summary


class _Drawing:
    """Draws and writes frames, in a thread; repeats overlays where there are none of their own."""

    def __init__(self, file: VideoTarget, masks: Path | None, summary: VideoSummary) -> None:
        self._file = file
        self._masks = masks
        self._summary = summary
        self._latest: FramePrediction | None = None
        self._overlay: np.ndarray | None = None

    def __call__(self, frame: Frame, prediction: FramePrediction | None) -> None:
        if frame.pixels is None:
            self._summary.damaged.append(frame)
            if self._overlay is not None:
                self._file.write(self._overlay)
            return
        if prediction is not None:
            self._latest = prediction
            self._summary.segmented += 1
            if self._masks is not None:
                prediction.save_mask(self._masks / MASK.format(frame.number))
        assert self._latest is not None  # the first frame with pixels is segmented
        drawn = np.asarray(replace(self._latest, image=frame.pixels).overlay(legend=False))
        gap = frame.number - self._file.frames
        if gap > 0:
            self._file.write(drawn if self._overlay is None else self._overlay, gap)
        self._file.write(drawn)
        self._overlay = drawn


@contextmanager
def _writing(draw: Callable[..., None]) -> Iterator[Callable[..., None]]:
    """A block with a function that draws in a thread; it waits if the thread falls behind."""
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(1, "encode") as thread:

        def write(*arguments: Any) -> None:
            waiting.append(thread.submit(draw, *arguments))
            while len(waiting) > BEHIND:
                waiting.popleft().result()

        yield write
        for each in waiting:
            each.result()


@contextmanager
def _until_stopped(video: Video) -> Iterator[None]:
    """A block that Ctrl-C ends without an error if the video has no end of its own."""
    try:
        yield
    except KeyboardInterrupt:
        if not video.is_live:
            raise


def _masks_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _MASK.fullmatch(path.name))
