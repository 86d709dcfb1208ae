"""Exponential smoothing of logits over the frames of a video."""

from __future__ import annotations

from torch import Tensor

from contextseg.inference.views.run import ViewLogits
from contextseg.ops.dispatch import sum_dtype


class LogitHistory:
    """The exponential mean of the logits of successive frames.

    Each frame's mean is weight · (mean of the frame before) + (1 - weight) · (its own logits). It
    starts with the first frame, and again wherever the size of the frames changes.

    Args:
        weight: of the past, at least 0 and below 1; 0 is no smoothing.

    Raises:
        ValueError: the weight is out of range.
    """

    def __init__(self, weight: float) -> None:
        if not 0 <= weight < 1:
            raise ValueError(f"smooth must be at least 0 and below 1, got {weight:g}.")
        self.weight = weight
        self._means: list[Tensor] = []

    def __call__(self, logits: ViewLogits) -> ViewLogits:
        """The logits of a frame with the past in them."""
        if self.weight == 0:
            return logits
        own = [each.to(sum_dtype(each.dtype)) for each in logits.coarse_logits]
        if [each.shape for each in own] == [each.shape for each in self._means]:
            pairs = zip(self._means, own, strict=True)
            own = [mean.lerp(each, 1 - self.weight) for mean, each in pairs]
        self._means = own
        return logits._replace(coarse_logits=own)
