"""How a published evaluation turns the logits of its windows into scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from contextseg.config import ProtocolConfig
from contextseg.ops.dispatch import sum_dtype

LARGEST_EXPONENTS = {torch.float32: 80.0, torch.float64: 700.0}
"""Largest summed logits whose exponential fits a dtype. Beyond float64, all logits are lowered by
the same amount: labels do not change, and nothing overflows, as it would in the authors' code."""

Range = tuple[torch.dtype, float]
"""The dtype of the scores, and the amount that summed logits are lowered by."""


class Scoring(ABC):
    """Turns the logits of windows, with or without mirror images, into scores of pixels.

    Scores of windows are weighted and added, then resized to the image, then added over sizes.
    """

    gives_probabilities = False
    """Whether the final scores are probabilities."""

    def kept(self, views: Tensor) -> Tensor:
        """What to store of windows and their mirror images (flipped back), both [B, 2, L, H, W]."""
        return views

    def range(self, windows: Sequence[Sequence[Tensor]]) -> Range:
        """The range of the scores, from all windows [V, L, H, W] of all sizes."""
        del windows
        return torch.float32, 0.0

    @abstractmethod
    def scores(self, logits: Tensor, lowered_by: float) -> Tensor:
        """Scores [L, rows, columns] from the logits of a window, [V, L, rows, columns]."""

    def weights(self, counts: Sequence[int]) -> Tensor:
        """Weight of a window at each position, [length], from the number of windows there."""
        return torch.tensor(counts, dtype=torch.float64).reciprocal_()

    def at_image_size(self, scores: Tensor) -> Tensor:
        """What to add over sizes, from scores [L, rows, w] resized to the image."""
        return scores

    def finished(self, total: Tensor, sizes: int) -> Tensor:
        """The final scores, from their sum over `sizes` sizes."""
        del sizes
        return total


class MeanProbabilities(Scoring):
    """Probabilities, averaged over mirror images, windows and sizes."""

    gives_probabilities = True

    def scores(self, logits: Tensor, lowered_by: float) -> Tensor:
        return logits.softmax(1).mean(0)

    def finished(self, total: Tensor, sizes: int) -> Tensor:
        return total.div_(sizes)


class MeanLogitsOfWindows(MeanProbabilities):
    """mmsegmentation's: logits averaged over windows, probabilities over mirror images and sizes.

    It makes probabilities of logits that have the image's size.
    """

    def range(self, windows: Sequence[Sequence[Tensor]]) -> Range:
        return sum_dtype(windows[0][0].dtype), 0.0

    def scores(self, logits: Tensor, lowered_by: float) -> Tensor:
        return logits[0]

    def at_image_size(self, scores: Tensor) -> Tensor:
        return scores.softmax(0)


class ExponentialsOfSums(Scoring):
    """EncNet's: exponentials of the logits summed over mirror images, averaged over windows."""

    def kept(self, views: Tensor) -> Tensor:
        return views.float().sum(1, keepdim=True)

    def range(self, windows: Sequence[Sequence[Tensor]]) -> Range:
        largest = max(float(each.max()) for of_size in windows for each in of_size)
        dtype = torch.float32 if largest <= LARGEST_EXPONENTS[torch.float32] else torch.float64
        return dtype, max(0.0, largest - LARGEST_EXPONENTS[dtype])

    def scores(self, logits: Tensor, lowered_by: float) -> Tensor:
        return (logits.sum(0) - lowered_by).exp_()


class ProductsOfProbabilities(Scoring):
    """CPNet's: products of probabilities over mirror images, summed over windows."""

    def scores(self, logits: Tensor, lowered_by: float) -> Tensor:
        return logits.log_softmax(1).sum(0).exp_()

    def weights(self, counts: Sequence[int]) -> Tensor:
        return torch.ones(len(counts))


def scoring_of(config: ProtocolConfig) -> Scoring:
    """The scoring of a protocol."""
    if config.style == "mmseg":
        return MeanLogitsOfWindows()
    if config.scores == "mean":
        return MeanProbabilities()
    return ExponentialsOfSums() if config.style == "encnet" else ProductsOfProbabilities()
