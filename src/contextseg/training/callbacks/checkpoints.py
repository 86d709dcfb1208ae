"""Checkpoints to resume from."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO

from contextseg.system.atomic_files import atomic_path
from contextseg.training.run_folder import LAST


class InterruptedRunError(Exception):
    """The user stopped the run; its checkpoint is written."""


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
    """Writes a checkpoint to resume from: at a fixed interval, after validations, on Ctrl-C.

    The first Ctrl-C ends the run after the current step; a second one ends it at once.

    Args:
        folder: the run folder.
        every: steps between checkpoints.
        val_interval: batches between validations; 0 for none.
        check: called before saving with the trainer and the module; raises if training has
            diverged, so that the last good checkpoint is kept.
    """

    def __init__(
        self,
        folder: Path,
        every: int,
        val_interval: int,
        check: Callable[[pl.Trainer, pl.LightningModule], object],
    ) -> None:
        self.path = folder / LAST
        self.every = every
        self.stop = False
        self.val_interval = val_interval
        self.check = check
        self._handler: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the Ctrl-C handler."""
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGINT, self._on_signal)

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
        stepped = last or done % trainer.accumulate_grad_batches == 0
        stop = stepped and self._asked_to_stop(trainer)
        step = trainer.global_step
        if stop or last or (stepped and step % self.every == 0):
            self.check(trainer, pl_module)
            trainer.save_checkpoint(self.path)
        if stop and not last:
            raise InterruptedRunError

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save, so that a resumed run does not repeat the validation."""
        trainer.save_checkpoint(self.path)
        if self._asked_to_stop(trainer) and not self._is_done(trainer):
            raise InterruptedRunError

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the previous Ctrl-C handler."""
        self._restore_handler()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Restore the previous Ctrl-C handler."""
        self._restore_handler()

    @staticmethod
    def _is_done(trainer: pl.Trainer) -> bool:
        """Whether training is complete, so that stopping would only leave the run unfinished."""
        return trainer.fit_loop.epoch_loop.batch_idx + 1 >= trainer.num_training_batches

    def _asked_to_stop(self, trainer: pl.Trainer) -> bool:
        """Whether any process was asked to stop: all must stop at the same step."""
        if trainer.world_size == 1:
            return self.stop
        return trainer.strategy.reduce_boolean_decision(self.stop, all=False)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stop = True
        self._restore_handler()

    def _restore_handler(self) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
            self._handler = None
