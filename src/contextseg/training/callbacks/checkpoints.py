"""What a run leaves behind: the best model, and a checkpoint to go on from."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO

from contextseg.data.classes import Classes
from contextseg.evaluation import write_scores
from contextseg.system.atomic_files import atomic_path
from contextseg.training.module import TrainingModule
from contextseg.weights import save_model
from contextseg.weights.model_file import FILE_NAME

LAST = "last.ckpt"
SCORES = "scores.json"


class InterruptedRunError(Exception):
    """The user stopped the run; its checkpoint is written."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints written whole or not at all: a kill in between leaves the one before."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Write `checkpoint` to `path`."""
        with atomic_path(path) as partial:
            torch.save(checkpoint, partial)


class KeepBest(pl.Callback):
    """Writes the model and its scores whenever a validation beats the best mean IoU so far.

    Args:
        folder: the run folder.
        classes: what the model's labels are called.
    """

    def __init__(self, folder: Path, classes: Classes) -> None:
        self.folder = folder
        self.classes = classes
        self.best = -1.0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare, and write."""
        assert isinstance(pl_module, TrainingModule)
        scores = pl_module.scores
        if scores is None or not scores.mean_iou > self.best:
            return
        self.best = scores.mean_iou
        if trainer.is_global_zero:
            save_model(self.folder / FILE_NAME, pl_module.model, self.classes)
            write_scores(
                self.folder / SCORES,
                scores,
                self.classes.names,
                {"split": pl_module.config.data.val_split, "step": trainer.global_step},
            )

    def state_dict(self) -> dict[str, Any]:
        """The best so far."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on comparing with it."""
        self.best = state_dict["best"]


class SaveLast(pl.Callback):
    """Writes a checkpoint to resume from: every so many steps, after validations, on Ctrl-C.

    The first Ctrl-C ends the run behind the step at hand; a second one ends it at once.

    Args:
        folder: the run folder.
        every: steps between checkpoints.
        val_interval: batches between validations; 0 for none.
    """

    def __init__(self, folder: Path, every: int, val_interval: int) -> None:
        self.path = folder / LAST
        self.every = every
        self.stop = False
        self.val_interval = val_interval
        self._handler: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen for Ctrl-C."""
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGINT, self._on_signal)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
        batch_idx: int,
    ) -> None:  # fmt: skip
        """Save between validations; at one, `on_validation_end` does."""
        done, last = batch_idx + 1, batch_idx + 1 == trainer.num_training_batches
        if last:  # the end of training is validated, whatever the interval
            trainer.val_check_batch = 1
        if self.val_interval and (last or done % self.val_interval == 0):
            return
        stepped = last or done % trainer.accumulate_grad_batches == 0
        stop = stepped and self._asked_to_stop(trainer)
        step = trainer.global_step
        if stop or last or (stepped and step % self.every == 0):
            trainer.save_checkpoint(self.path)
        if stop and not last:
            raise InterruptedRunError

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save, so that a validation is not done twice."""
        trainer.save_checkpoint(self.path)
        if self._asked_to_stop(trainer):
            raise InterruptedRunError

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give Ctrl-C back."""
        self._restore_handler()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Give Ctrl-C back."""
        self._restore_handler()

    def _asked_to_stop(self, trainer: pl.Trainer) -> bool:
        """Whether any process was: all must leave at the same step."""
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
