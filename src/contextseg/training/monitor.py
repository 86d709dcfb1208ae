"""Losses, speed and scores of a run, to its logs and to whoever watches."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch

from contextseg.training.module import TrainingModule

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Where a run stands."""

    batch: int
    """Batches done."""
    batches: int
    """Batches of the whole training."""
    epoch: float
    """Passes over the data, begun ones in part."""
    values: dict[str, float]
    """Latest of each: `loss`, its parts, `images/s`, `mIoU`."""
    validating: bool = False
    """Whether a validation is running."""


class Monitor(pl.Callback):
    """Logs every `every` steps and at each validation, and calls `watch` as often as it changes.

    Args:
        every: steps between rows of the log.
        watch: called with a `Progress` after each batch and at each validation, or None.
    """

    def __init__(self, every: int, watch: Callable[[Progress], None] | None = None) -> None:
        self.every = every
        self.watch = watch
        self.values: dict[str, float] = {}
        self._since = 0.0
        self._images = 0
        self._sums: dict[str, torch.Tensor] = {}
        self._count = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
        batch_idx: int,
    ) -> None:  # fmt: skip
        """Collect, and every so often log the means since the last time."""
        assert isinstance(pl_module, TrainingModule)
        for name, value in outputs.items():
            value = value.detach().float()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._count += 1
        self._images += len(batch["image"]) * trainer.world_size
        step = trainer.global_step
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if (stepped and step % self.every == 0) or batch_idx + 1 == trainer.num_training_batches:
            means = {name: (total / self._count).item() for name, total in self._sums.items()}
            now = time.perf_counter()
            speed = self._images / max(now - self._since, 1e-9)
            self._sums, self._count, self._images, self._since = {}, 0, 0, now
            row = {f"train/{name}": value for name, value in means.items()}
            row |= {
                "train/images_per_s": speed,
                "epoch": pl_module.epoch(batch_idx + 1),
                "lr": trainer.optimizers[0].param_groups[-1]["lr"],
            }
            self._log(trainer, row, step)
            self.values |= means | {"images/s": speed}
        self._tell(trainer, pl_module, batch_idx + 1)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say that a validation runs."""
        assert isinstance(pl_module, TrainingModule)
        self._tell(trainer, pl_module, trainer.fit_loop.epoch_loop.batch_idx + 1, validating=True)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the scores; the time they took is no training time."""
        assert isinstance(pl_module, TrainingModule)
        scores, batch = pl_module.scores, trainer.fit_loop.epoch_loop.batch_idx + 1
        if scores is None:
            return
        epoch = pl_module.epoch(batch)
        row = {
            "val/mean_iou": scores.mean_iou,
            "val/pixel_accuracy": scores.pixel_accuracy,
            "epoch": epoch,
        }
        if scores.presence_map is not None:
            row["val/presence_map"] = scores.presence_map
        self._log(trainer, row, trainer.global_step)
        logger.info("epoch %.2f: validation mIoU %.4f", epoch, scores.mean_iou)
        self.values["mIoU"] = scores.mean_iou
        self._since, self._images = time.perf_counter(), 0
        self._tell(trainer, pl_module, batch)

    def state_dict(self) -> dict[str, Any]:
        """Sums since the last row of the log, so that a resumed run logs the same means."""
        return {"sums": {k: v.cpu() for k, v in self._sums.items()}, "count": self._count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on summing."""
        self._sums, self._count = dict(state_dict["sums"]), state_dict["count"]

    def _log(self, trainer: pl.Trainer, row: dict[str, float], step: int) -> None:
        for each in trainer.loggers:
            each.log_metrics(row, step=step)

    def _tell(
        self, trainer: pl.Trainer, module: TrainingModule, batch: int, validating: bool = False
    ) -> None:
        if self.watch is not None and trainer.is_global_zero:
            self.watch(
                Progress(
                    batch=batch,
                    batches=int(trainer.num_training_batches),
                    epoch=module.epoch(batch),
                    values=dict(self.values),
                    validating=validating,
                )
            )
