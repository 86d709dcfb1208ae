"""Which weights of a classifier's run are kept: the last, or the best on the scored split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from contextseg.classifier_evaluation import write_class_scores
from contextseg.data.classes import Classes
from contextseg.training.callbacks.checkpoints import SCORES
from contextseg.training.classifier_module import ClassifierModule
from contextseg.weights.classifiers import save_classifier
from contextseg.weights.model_file import FILE_NAME


class KeepClassifier(pl.Callback):
    """Writes the model and its scores: at each validation that beats the best, or when told to.

    Args:
        folder: the run folder.
        classes: what the labels are called.
        best: write at validations with a lower error than any before.
    """

    def __init__(self, folder: Path, classes: Classes, best: bool) -> None:
        self.folder = folder
        self.classes = classes
        self.best = best
        self.lowest = 2.0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare, and write."""
        assert isinstance(pl_module, ClassifierModule)
        scores = pl_module.scores
        if self.best and scores is not None and scores.error < self.lowest:
            self.lowest = scores.error
            self.write(pl_module, trainer.global_step)

    def write(self, module: ClassifierModule, step: int) -> None:
        """Write the model as it is, and the scores of the latest validation."""
        save_classifier(self.folder / FILE_NAME, module.model, self.classes)
        if module.scores is not None:
            settings = {
                "split": module.config.data.val_split,
                "step": step,
                "keep": module.config.keep,
            }
            write_class_scores(self.folder / SCORES, module.scores, self.classes.names, settings)

    def state_dict(self) -> dict[str, Any]:
        """The best so far."""
        return {"lowest": self.lowest}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on comparing with it."""
        self.lowest = state_dict["lowest"]
