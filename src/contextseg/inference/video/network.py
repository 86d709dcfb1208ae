"""A network that segments the frames of videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from contextseg.engines import ExportedModel
from contextseg.engines.exported import check_averageable
from contextseg.inference.network import Network
from contextseg.inference.result import Prediction
from contextseg.inference.video.frames import FramePrediction, predictions_of
from contextseg.inference.video.smoothing import LogitHistory
from contextseg.inference.video.source import VideoSource


class VideoNetwork(Network):
    """The part of a `Predictor` that is for videos."""

    def _predicted(self, pixels: np.ndarray, **options: Any) -> Prediction:
        """The prediction of an image in memory, with the options of `Predictor.segment`."""
        raise NotImplementedError

    def video(
        self, source: VideoSource, *, every: int = 1, smooth: float = 0.0, **options: Any
    ) -> Iterator[FramePrediction]:
        """Segment the frames of a video, each when the iterator is asked for it.

        Frames that cannot be decoded are left out, with a warning in the log.

        Args:
            source: a video file, or the number of a webcam (0 is the first).
            every: segment each `every`-th frame, and leave out the others.
            smooth: weight of the past in an exponential mean of the logits over the segmented
                frames, at least 0 and below 1; 0 takes each frame for itself.
            options: `scales`, `flip`, `window` and `confidence`, as in `__call__`.

        Yields:
            Predictions, with `number` and `seconds` of their frames.

        Raises:
            ImageError: there is no such file or webcam, or the file is no video.
            ValueError: an option is out of range, the model takes other images than photos, or it
                is an exported file without logits and `smooth` is not 0.
        """
        yield from predictions_of(source, self.frame_segmenter(smooth, **options), every)

    def frame_segmenter(
        self, smooth: float = 0.0, **options: Any
    ) -> Callable[[np.ndarray], Prediction]:
        """A function that segments the frames [h, w, 3] of one video, in their order.

        Args:
            smooth: as in `video`, like `options`.

        Raises:
            ValueError: as in `video`.
        """
        history = LogitHistory(smooth) if smooth else None
        if not self.config.images.is_rgb:
            raise ValueError(f"videos are RGB, but the model takes {self.config.images}.")
        if history is not None and isinstance(self.model, ExportedModel):
            check_averageable(self.model)
        return lambda pixels: self._predicted(pixels, history=history, **options)
