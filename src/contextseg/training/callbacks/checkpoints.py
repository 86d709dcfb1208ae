"""Checkpoints to resume from."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO

from contextseg.system.atomic_files import atomic_path
from contextseg.training.callbacks.stop import InterruptedRunError, StopSignals
from contextseg.training.run_folder import LAST


class AtomicCheckpointIO(TorchCheckpointIO):
    """Atomic checkpoints: if the process is killed while writing, the previous one survives."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Write `checkpoint` to `path`."""
        with atomic_path(path) as partial:
            torch.save(checkpoint, partial)

    def load_checkpoint(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Read a checkpoint; classifiers of version 0.1 had an engine of their own."""
        checkpoint = super().load_checkpoint(*args, **kwargs)
        if "ClassifierData" in checkpoint:
            checkpoint["RunData"] = checkpoint.pop("ClassifierData")
            kept = checkpoint["callbacks"].pop("KeepClassifier")
            checkpoint["callbacks"]["KeepBest"] = {"best": -kept["lowest"]}
        return checkpoint


class SaveLast(pl.Callback):
    """Writes a checkpoint to resume from: at a fixed interval, after validations, when stopped.

    It writes between two steps of the optimiser and never while gradients accumulate, since a
    checkpoint does not hold them. After a validation, or a request to stop, in the middle of a
    step, it waits until the step is complete.

    Args:
        folder: the run folder.
        every: steps between checkpoints.
        val_interval: batches between validations; 0 for none.
        check: called before saving with the trainer and the module; raises if training has
            diverged, so that the last good checkpoint is kept.
        signals: whether the run was asked to stop.
    """

    def __init__(
        self,
        folder: Path,
        every: int,
        val_interval: int,
        check: Callable[[pl.Trainer, pl.LightningModule], object],
        signals: StopSignals,
    ) -> None:
        self.path = folder / LAST
        self.every = every
        self.val_interval = val_interval
        self.check = check
        self.signals = signals
        self._due = False
        """Whether there was a validation since the last checkpoint."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
        batch_idx: int,
    ) -> None:  # fmt: skip
        """Save between validations; at a validation, `on_validation_end` saves."""
        done, last = batch_idx + 1, batch_idx + 1 == trainer.num_training_batches
        if last:  # training ends with a validation, whatever the interval
            trainer.val_check_batch = 1
        if self.val_interval and (last or done % self.val_interval == 0):
            return
        if not _is_step_complete(trainer):
            return
        stop = self._asked_to_stop(trainer)
        if stop or last or self._due or trainer.global_step % self.every == 0:
            self.check(trainer, pl_module)
            self._save(trainer)
        if stop and not last:
            raise InterruptedRunError

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save, so that a resumed run does not repeat the validation."""
        self._due = True
        if not _is_step_complete(trainer):
            return
        self._save(trainer)
        # A training that is complete is not stopped: that would only leave the run unfinished.
        if self._asked_to_stop(trainer) and not _is_last_batch(trainer):
            raise InterruptedRunError

    def _save(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._due = False

    def _asked_to_stop(self, trainer: pl.Trainer) -> bool:
        """Whether any process was asked to stop: all must stop at the same step."""
        if trainer.world_size == 1:
            return self.signals.asked
        return trainer.strategy.reduce_boolean_decision(self.signals.asked, all=False)


def _is_last_batch(trainer: pl.Trainer) -> bool:
    return trainer.fit_loop.epoch_loop.batch_idx + 1 >= trainer.num_training_batches


def _is_step_complete(trainer: pl.Trainer) -> bool:
    """Whether the latest batch was the last one of an optimiser step."""
    done = trainer.fit_loop.epoch_loop.batch_idx + 1
    return done % trainer.accumulate_grad_batches == 0 or _is_last_batch(trainer)
