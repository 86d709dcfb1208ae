"""Is a model right as often as it says? Confidence against accuracy, over many pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from contextseg.config.labels import IGNORED

BINS = 15
"""Intervals of confidence (Guo et al., 2017)."""
_UNIT = 1 << 24
"""Confidences are added up as whole numbers of this fraction, the step of float32 below 1: sums are
exact, whatever the order of the images and the number of processes."""


class ReliabilityBin(NamedTuple):
    """The pixels whose confidence is in one interval."""

    low: float
    """Lower end of the interval, excluded."""
    high: float
    """Upper end, included."""
    pixels: int
    """Number of pixels."""
    confidence: float | None
    """Their mean confidence; None without pixels."""
    accuracy: float | None
    """Fraction of them that is predicted correctly; None without pixels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """How confident predictions are, and how often they are right."""

    counts: Tensor
    """[3, L, bins], int64, by predicted class and interval of confidence: pixels, correct ones, and
    the sum of the confidences in units of 2^-24."""

    @property
    def ece(self) -> float:
        """Expected calibration error, in 0 to 1: the mean over all pixels of the distance between
        confidence and accuracy in their interval (Guo et al., 2017). NaN without pixels."""
        return _ece(self.counts.sum(1))

    @property
    def class_ece(self) -> list[float]:
        """`ece` of the pixels predicted as each class; NaN for a class never predicted."""
        return [_ece(counts) for counts in self.counts.unbind(1)]

    @property
    def confidence(self) -> float:
        """Mean confidence of all pixels, in 0 to 1."""
        pixels, _, confidences = self.counts.sum((1, 2)).tolist()
        return confidences / _UNIT / pixels if pixels else math.nan

    @property
    def accuracy(self) -> float:
        """Fraction of pixels predicted correctly."""
        pixels, hits, _ = self.counts.sum((1, 2)).tolist()
        return hits / pixels if pixels else math.nan

    @property
    def bins(self) -> list[ReliabilityBin]:
        """The reliability table: intervals of equal width over 0 to 1."""
        columns = self.counts.sum(1).T.tolist()
        return [
            ReliabilityBin(
                number / len(columns),
                (number + 1) / len(columns),
                pixels,
                confidences / _UNIT / pixels if pixels else None,
                hits / pixels if pixels else None,
            )
            for number, (pixels, hits, confidences) in enumerate(columns)
        ]

    def to_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """The errors and the reliability table, as JSON takes them; `from_dict` reads them back.

        Args:
            names: names of the classes by label, L of them.
        """
        errors = zip(names, self.class_ece, strict=True)
        return {
            "ece": _or_none(self.ece),
            "mean_confidence": _or_none(self.confidence),
            "bins": [one._asdict() for one in self.bins],
            "class_ece": {name: _or_none(error) for name, error in errors},
            "counts": self.counts.tolist(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Calibration:
        """What `to_dict` returned.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        counts = torch.tensor(content["counts"], dtype=torch.int64)
        if counts.ndim != 3 or len(counts) != 3:
            raise ValueError(f"calibration: counts must be [3, L, bins], got {list(counts.shape)}.")
        return cls(counts=counts)


class CalibrationError:
    """Counts confidences over many batches, on the CPU.

    Args:
        num_classes: classes L.
        bins: intervals of equal width, at least 1.
    """

    def __init__(self, num_classes: int, bins: int = BINS) -> None:
        self.bins = bins
        self.counts = torch.zeros((3, num_classes, bins), dtype=torch.int64)

    def update(self, prediction: Tensor, confidence: Tensor, labels: Tensor) -> None:
        """Count pixels.

        Args:
            prediction: predicted labels, of any shape, integer, in 0 to L - 1.
            confidence: probability of that label, of the same shape, floating point, in 0 to 1. NaN
                counts as 0.
            labels: ground truth, of the same shape, integer, in 0 to L - 1 or 255 (ignored).

        Raises:
            ValueError: shapes differ.
        """
        if not prediction.shape == confidence.shape == labels.shape:
            raise ValueError(
                f"calibration: prediction, confidence and labels must have one shape, got "
                f"{list(prediction.shape)}, {list(confidence.shape)} and {list(labels.shape)}."
            )
        prediction, confidence, labels = (each.cpu() for each in (prediction, confidence, labels))
        valid = labels != IGNORED
        predicted, given = prediction[valid].long(), labels[valid].long()
        sure = confidence[valid].double().nan_to_num(0.0).clamp_(0, 1)
        number = (sure * self.bins).ceil().long().sub_(1).clamp_(0, self.bins - 1)
        cell = predicted * self.bins + number
        weights = (None, (predicted == given).double(), (sure * _UNIT).round_())
        size = self.counts[0].numel()
        for total, weight in zip(self.counts, weights, strict=True):
            # Whole numbers far below 2^53: sums of float64 are exact.
            total += torch.bincount(cell, weight, minlength=size).long().view_as(total)


def _ece(counts: Tensor) -> float:
    """Error of counts [3, bins]."""
    pixels, hits, confidences = counts.double()
    gaps = (confidences / _UNIT - hits).abs()
    return (gaps.sum() / pixels.sum()).item()


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
