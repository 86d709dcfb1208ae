"""A running average of the weights, which is evaluated and kept instead of the weights."""

from __future__ import annotations

from itertools import chain
from typing import Any, cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn


class WeightAverage(WeightAveraging):
    """Exponential moving average of weights and norm statistics, on the device of the training.

    The decay rises to its value as (1 + n) / (10 + n), so that the initial weights are soon
    forgotten. During validation, from its first hook to its last, the average replaces the
    weights: in `on_validation_end`, callbacks before this one in the trainer's list see the
    average, those after it see the trained weights.

    Args:
        decay: share of the old average that is kept at each step, at least 0 and below 1.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=True)
        self.decay = decay
        self._kinds: list[tuple[list[Tensor], list[Tensor]]] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Move the average to the device of the weights, which Lightning copied before it.

        Left behind on the CPU, every tensor would travel there at each step. Only the counter
        stays, so that reading it does not wait for a GPU.
        """
        average = self._average_model
        assert average is not None
        average.module.to(pl_module.device)
        average.n_averaged = average.n_averaged.cpu()
        self._kinds = _by_kind(average.module, pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
        batch_idx: int,
    ) -> None:  # fmt: skip
        """Average after each optimiser step."""
        if trainer.global_step <= self._latest_update_step:
            return
        assert self._average_model is not None
        count = int(self._average_model.n_averaged)
        share = 1 - min(self.decay, (1 + count) / (10 + count)) if count else 1.0
        for old, new in self._kinds:
            _average(old, new, share)
        self._average_model.n_averaged += 1
        self._latest_update_step = trainer.global_step

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the average in place: the scores of this validation are computed later."""

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the trained weights back."""
        if self._average_model is not None:
            self._swap_models(pl_module)


def _by_kind(average: nn.Module, model: nn.Module) -> list[tuple[list[Tensor], list[Tensor]]]:
    """Averages and their tensors, in one pair of lists for each dtype and device."""
    kinds: dict[tuple[torch.dtype, torch.device], tuple[list[Tensor], list[Tensor]]] = {}
    tensors = (chain(module.parameters(), module.buffers()) for module in (average, model))
    for old, new in zip(*tensors, strict=True):
        olds, news = kinds.setdefault((old.dtype, old.device), ([], []))
        olds.append(old.detach())
        news.append(new.detach())
    return list(kinds.values())


def _average(old: list[Tensor], new: list[Tensor], share: float) -> None:
    """Move `old` towards `new` by a share of the way: all tensors of a kind at once."""
    if share == 1 or not old[0].is_floating_point():  # batch counters
        cast(Any, torch)._foreach_copy_(old, new)
    else:
        cast(Any, torch)._foreach_lerp_(old, new, share)
