"""Keep the best (or latest) model of a run, and its scores."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from contextseg.evaluation import write_scores
from contextseg.training.module import TrainingModule
from contextseg.training.run_folder import MODEL, SCORES

logger = logging.getLogger(__name__)


class KeepBest(pl.Callback):
    """Writes the model and its scores after each validation that beats all previous ones.

    For a task that keeps its latest weights, and while no validation has a score, it writes them
    after every validation.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.best = float("-inf")
        self._kept = False

    def has_kept(self) -> bool:
        """Whether the weights of the latest validation are the kept ones."""
        return self._kept

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare with the best so far, and write if better."""
        assert isinstance(pl_module, TrainingModule)
        task, scores = pl_module.task, pl_module.scores
        self._kept = False
        if scores is None:
            return
        merit = task.merit(scores)
        if math.isnan(merit):  # all validation pixels are ignored: there is no best, so the latest
            if task.keeps_best and self.best > float("-inf"):
                return
            if trainer.is_global_zero:
                logger.warning("the validation has no score: keeping the latest weights")
        elif task.keeps_best and not merit > self.best:
            return
        else:
            self.best = merit
        self._kept = True
        if trainer.is_global_zero:
            task.save(self.folder / MODEL, pl_module.model)
            settings = {
                "split": task.config.data.val_split,
                "step": trainer.global_step,
                "keep": "best" if task.keeps_best else "last",
            }
            write_scores(self.folder / SCORES, scores, task.classes.names, settings)

    def state_dict(self) -> dict[str, Any]:
        """The best score so far."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best score so far."""
        self.best = state_dict["best"]
