"""Report a run's losses, speed and scores to its logs and its watcher."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl

from contextseg.training.loss_sums import LossSums
from contextseg.training.module import TrainingModule

logger = logging.getLogger(__name__)

LIVE = 5.0
"""Seconds between updates of `Progress.values` between two rows of the log."""
SHORT = {"mean_iou": "mIoU"}
"""Names of scores on the progress bar."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Progress of a run."""

    batch: int
    """Batches done."""
    batches: int
    """Batches of the whole run."""
    step: int
    """Optimiser steps done, of `accumulate` batches each."""
    steps: int
    """Optimiser steps of the whole run."""
    epoch: float
    """Passes over the data, fractional."""
    values: dict[str, float]
    """Latest values: `loss`, its parts, `images/s`, `mIoU` or `error`."""
    validating: bool = False
    """Whether a validation is running."""
    validated: int = 0
    """Batches of that validation done."""
    to_validate: int = 0
    """Batches of that validation."""


Watch = Callable[[Progress], None]
"""Called with the progress of a run."""


@dataclass(frozen=True, slots=True)
class Watchers:
    """Several watchers as one; picklable if each of them is."""

    watchers: tuple[Watch, ...]

    def __call__(self, progress: Progress) -> None:
        """Call every watcher."""
        for watcher in self.watchers:
            watcher(progress)


def combined(*watchers: Watch | None) -> Watch | None:
    """Combine watchers into one; None if there are none."""
    there = tuple(watcher for watcher in watchers if watcher is not None)
    return Watchers(there) if there else None


class Monitor(pl.Callback):
    """Logs every `every` steps and at each validation, and calls `watch` on every change.

    Args:
        every: steps between rows of the log.
        watch: called with a `Progress` after each batch and at each validation, or None.
    """

    def __init__(self, every: int, watch: Watch | None = None) -> None:
        self.every = every
        self.watch = watch
        self.values: dict[str, float] = {}
        self._since = 0.0
        self._images = 0
        self._valued = -LIVE
        self._sums = LossSums()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
        batch_idx: int,
    ) -> None:  # fmt: skip
        """Collect losses, and log their means every `every` steps."""
        assert isinstance(pl_module, TrainingModule)
        self._sums.add(outputs)
        self._images += len(batch["image"]) * trainer.world_size
        step = trainer.global_step
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if (stepped and step % self.every == 0) or batch_idx + 1 == trainer.num_training_batches:
            means, (speed, now) = self.check(trainer, pl_module), self._speed()
            self._sums.clear()
            self._images, self._since = 0, now
            row = {f"train/{name}": value for name, value in means.items()}
            row |= {
                "train/images_per_s": speed,
                "epoch": pl_module.epoch(batch_idx + 1),
                "lr": trainer.optimizers[0].param_groups[-1]["lr"],
            }
            self._log(trainer, row, step)
            self.values |= means | {"images/s": speed}
            self._valued = now
        elif self.watch is not None and trainer.is_global_zero and self._are_values_old():
            (speed, self._valued), means = self._speed(), self._sums.means()  # waits for a GPU
            self.values |= means | {"images/s": speed}
        self._notify(trainer, pl_module, batch_idx + 1)

    def check(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, float]:
        """Mean losses since the last row of the log; raises if training has diverged.

        The means are over all processes, each of which must call it.
        """
        assert isinstance(pl_module, TrainingModule)
        self._sums.share()  # what comes on top is averaged later
        means = self._sums.means()
        if means and not math.isfinite(means["loss"]):
            done = trainer.fit_loop.epoch_loop.batch_idx + 1
            first = done - self._sums.count + self._sums.finite_batches() + 1
            pl_module.refuse_losses(means, min(first, done))
        return means

    def check_before_writing(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> dict[str, float]:
        """As `check`, and raise unless the weights are finite too.

        A finite loss can have a gradient that is not.
        """
        assert isinstance(pl_module, TrainingModule)
        means = self.check(trainer, pl_module)
        pl_module.check_weights(trainer.fit_loop.epoch_loop.batch_idx + 1)
        return means

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report that a validation is running."""
        assert isinstance(pl_module, TrainingModule)
        self.check_before_writing(trainer, pl_module)
        self._notify(trainer, pl_module, trainer.fit_loop.epoch_loop.batch_idx + 1, validated=0)

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
        batch_idx: int, dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        """Report the progress of the validation."""
        assert isinstance(pl_module, TrainingModule)
        done = trainer.fit_loop.epoch_loop.batch_idx + 1
        self._notify(trainer, pl_module, done, validated=batch_idx + 1)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the scores; validation does not count as training time."""
        assert isinstance(pl_module, TrainingModule)
        scores, batch = pl_module.score_row(), trainer.fit_loop.epoch_loop.batch_idx + 1
        if not scores:
            return
        epoch = pl_module.epoch(batch)
        row = {f"val/{name}": value for name, value in scores.items()} | {"epoch": epoch}
        self._log(trainer, row, trainer.global_step)
        name, value = next(iter(scores.items()))
        name = SHORT.get(name, name)
        logger.info("epoch %.2f: validation %s %.4f", epoch, name, value)
        self.values[name] = value
        self._since, self._images = time.perf_counter(), 0
        self._notify(trainer, pl_module, batch)

    def state_dict(self) -> dict[str, Any]:
        """Sums since the last row of the log, so that a resumed run logs the same means."""
        return self._sums.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the sums."""
        self._sums.load_state_dict(state_dict)

    def _speed(self) -> tuple[float, float]:
        """Images per second since the last row, and the current time."""
        now = time.perf_counter()
        return self._images / max(now - self._since, 1e-9), now

    def _are_values_old(self) -> bool:
        return time.perf_counter() - self._valued >= LIVE

    def _log(self, trainer: pl.Trainer, row: dict[str, float], step: int) -> None:
        for each in trainer.loggers:
            each.log_metrics(row, step=step)

    def _notify(
        self, trainer: pl.Trainer, module: TrainingModule, batch: int, validated: int | None = None
    ) -> None:
        if self.watch is not None and trainer.is_global_zero:
            batches, accumulate = int(trainer.num_training_batches), trainer.accumulate_grad_batches
            self.watch(
                Progress(
                    batch=batch,
                    batches=batches,
                    step=trainer.global_step,
                    steps=-(-batches // accumulate),
                    epoch=module.epoch(batch),
                    values=dict(self.values),
                    validating=validated is not None,
                    validated=validated or 0,
                    to_validate=0 if validated is None else int(sum(trainer.num_val_batches)),
                )
            )
