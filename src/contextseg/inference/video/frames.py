"""Segment the frames of a video, one after the other."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from contextseg.inference.result import Prediction
from contextseg.inference.video.source import Frame, VideoSource, opened

logger = logging.getLogger(__name__)

AHEAD = 2
"""Frames that are decoded while the network runs."""
_END = object()
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FramePrediction(Prediction):
    """The prediction of one frame of a video."""

    number: int
    """Place of the frame in the video, from 0."""
    seconds: float
    """Time of the frame in the video."""


def check_every(every: int) -> None:
    """Raise ValueError unless each `every`-th frame can be taken."""
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every}.")


def predictions_of(
    source: VideoSource, predict: Callable[[np.ndarray], Prediction], every: int
) -> Iterator[FramePrediction]:
    """The predictions of each `every`-th frame; those that cannot be decoded are logged."""
    check_every(every)
    with opened(source) as video, closing(segmented(video.frames, predict, every)) as results:
        for frame, prediction in results:
            if frame.pixels is None:
                logger.warning(
                    "%s: frame %d (%.2f s) cannot be decoded and is left out.",
                    video.name, frame.number, frame.seconds,
                )  # fmt: skip
            elif prediction is not None:
                yield prediction


def segmented(
    frames: Iterable[Frame], predict: Callable[[np.ndarray], Prediction], every: int
) -> Generator[tuple[Frame, FramePrediction | None], None, None]:
    """All frames, each `every`-th one with its prediction.

    If that one cannot be decoded, the next that can gets it; so does one of another size. A thread
    decodes ahead; the network runs in the calling thread.
    """
    due, shape = 0, None
    with closing(ahead(frames)) as coming:
        for frame in coming:
            pixels = frame.pixels
            if pixels is None or (frame.number < due and pixels.shape == shape):
                yield frame, None
                continue
            due, shape = frame.number // every * every + every, pixels.shape
            yield frame, of_frame(predict(pixels), frame)


def of_frame(prediction: Prediction, frame: Frame) -> FramePrediction:
    """A prediction as that of a frame."""
    content = {each.name: getattr(prediction, each.name) for each in fields(Prediction)}
    return FramePrediction(**content, number=frame.number, seconds=frame.seconds)


def ahead(items: Iterable[Item], count: int = AHEAD) -> Generator[Item, None, None]:
    """The items; a thread makes the next ones while the caller is busy with one."""
    source = iter(items)
    with ThreadPoolExecutor(1, "decode") as thread:
        waiting = deque(thread.submit(next, source, _END) for _ in range(count))
        while True:
            item = waiting.popleft().result()
            if item is _END:
                return
            waiting.append(thread.submit(next, source, _END))
            yield item  # pyright: ignore[reportReturnType]
