"""How certain is it that one model is better than another on the same images?"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contextseg.metrics.image_counts import iou_of

SAMPLES = 10_000
CHUNK = 500
"""Samples drawn at once: bounds the memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A difference in mean IoU, in -1 to 1: positive if the second model is better."""

    value: float
    """On the images as they are."""
    low: float
    """2.5 % of the resampled differences are below this."""
    high: float
    """2.5 % are above this."""

    @property
    def certain(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


def paired_difference(
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    *,
    labels: Sequence[int] = (),
    samples: int = SAMPLES,
    seed: int = 0,
) -> Difference:
    """Difference in mean IoU between two models, with its 95 % interval over images.

    The percentile bootstrap (Efron, 1979): images are drawn with replacement, the same for both
    models and all their trainings, and the difference is computed anew on each draw. The interval
    says what other images of the same kind would do; it does not hold the chance of the training,
    which the deviation over seeds shows.

    Args:
        first: counts of each training of the first model, [N, 3, L]
            (`contextseg.metrics.image_counts.ImageCounts`).
        second: counts of each training of the second model, of the same images in the same order.
        labels: classes to average over; if empty, all that occur.
        samples: draws.
        seed: of the draws.

    Raises:
        ValueError: there is no training or no image, or shapes differ.
    """
    runs = [*first, *second]
    if not first or not second or not len(runs[0]):
        raise ValueError("paired_difference: each model needs a training, and at least one image.")
    if len({run.shape for run in runs}) > 1:
        raise ValueError(
            f"paired_difference: all counts must be of the same images and classes, got "
            f"{sorted({run.shape for run in runs})}."
        )
    chosen = list(labels) or slice(None)
    images, classes = len(runs[0]), runs[0].shape[2]
    table = np.stack(runs, 1).reshape(images, -1).astype(np.float64)  # [N, R * 3 * L]
    random = np.random.default_rng(seed)

    def differences(weights: np.ndarray) -> np.ndarray:
        """[S], for weights of the images, [S, N]."""
        sums = (weights @ table).reshape(len(weights), len(runs), 3, classes)
        with warnings.catch_warnings():  # a draw may hold none of the classes
            warnings.simplefilter("ignore", RuntimeWarning)
            means = np.nanmean(iou_of(sums)[:, :, chosen], axis=2)  # [S, R]
        return means[:, len(first) :].mean(1) - means[:, : len(first)].mean(1)

    even = np.full(images, 1 / images)
    drawn = [
        differences(random.multinomial(images, even, size=min(CHUNK, samples - start)))
        for start in range(0, samples, CHUNK)
    ]
    low, high = np.nanpercentile(np.concatenate(drawn), [2.5, 97.5])
    return Difference(
        value=float(differences(np.ones((1, images)))[0]), low=float(low), high=float(high)
    )
