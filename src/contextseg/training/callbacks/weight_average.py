"""A running average of the weights, which is evaluated and kept instead of the weights."""

from __future__ import annotations

from dataclasses import dataclass

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


@dataclass(frozen=True, slots=True)
class _Average:
    """A step of the average; a class, because spawned processes get it by pickle."""

    decay: float

    def __call__(self, old: Tensor, new: Tensor, num_averaged: Tensor | int) -> Tensor:
        if not old.is_floating_point():  # batch counters
            return new
        count = float(num_averaged)
        return torch.lerp(new, old, min(self.decay, (1 + count) / (10 + count)))


class WeightAverage(WeightAveraging):
    """Exponential moving average of weights and norm statistics.

    The decay rises to its value as (1 + n) / (10 + n), so that the initial weights are soon
    forgotten. During validation, from its first hook to its last, the average replaces the
    weights: in `on_validation_end`, callbacks before this one in the trainer's list see the
    average, those after it see the trained weights.

    Args:
        decay: share of the old average that is kept at each step, at least 0 and below 1.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=True, avg_fn=_Average(decay))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the average in place: the scores of this validation are computed later."""

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the trained weights back."""
        if self._average_model is not None:
            self._swap_models(pl_module)
