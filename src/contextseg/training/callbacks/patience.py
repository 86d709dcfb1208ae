"""End a run whose validations have stopped improving."""

from __future__ import annotations

import logging
from typing import Any

import lightning.pytorch as pl

from contextseg.training.module import TrainingModule

logger = logging.getLogger(__name__)


class Patience(pl.Callback):
    """Ends training after several validations in a row without a better score.

    A validation without a score, in which every pixel is ignored, is not better. The run ends
    between two optimiser steps: within a step of several batches, when that is complete. It must
    come before the callback that writes checkpoints, which hold its state.

    Args:
        validations: how many, at least 1.
    """

    def __init__(self, validations: int) -> None:
        self.validations = validations
        self.best = float("-inf")
        self.best_epoch = 0.0
        self.waited = 0
        """Validations since the best one."""

    @property
    def ended(self) -> bool:
        """Whether the run ends, or has ended, for lack of improvement."""
        return self.waited >= self.validations

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare with the best score so far."""
        assert isinstance(pl_module, TrainingModule)
        if pl_module.scores is None:
            return
        epoch = pl_module.epoch(trainer.fit_loop.epoch_loop.batch_idx + 1)
        merit = pl_module.task.merit(pl_module.scores)
        if merit > self.best:
            self.best, self.best_epoch, self.waited = merit, epoch, 0
            return
        self.waited += 1
        if not self.ended:
            return
        if trainer.is_global_zero:
            logger.warning(
                "patience: no better score than that of epoch %.2f in %d validation%s, so the run "
                "ends at epoch %.2f of %d",
                self.best_epoch,
                self.waited,
                "" if self.waited == 1 else "s",
                epoch,
                pl_module.config.epochs,
            )
        if _is_step_complete(trainer):
            _end(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
        batch_idx: int,
    ) -> None:  # fmt: skip
        """End the run when the step is complete in which the decision fell."""
        if self.ended and _is_step_complete(trainer):
            _end(trainer)

    def state_dict(self) -> dict[str, Any]:
        """The best score so far, and how long ago it was."""
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self.waited,
                "ended": self.ended}  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue to count."""
        self.best, self.best_epoch = state_dict["best"], state_dict["best_epoch"]
        self.waited = state_dict["waited"]


def _is_step_complete(trainer: pl.Trainer) -> bool:
    done = trainer.fit_loop.epoch_loop.batch_idx + 1
    return done % trainer.accumulate_grad_batches == 0


def _end(trainer: pl.Trainer) -> None:
    trainer.limit_val_batches = 0  # Lightning would validate once more
    trainer.should_stop = True
