"""Pictures of a classifier's run: batches with class names, errors by class, confusion matrix."""

from __future__ import annotations

import math
from pathlib import Path

from torch import Tensor

from contextseg.data.classes import Classes
from contextseg.metrics.classification import ClassificationScores
from contextseg.report.galleries import save_picture
from contextseg.report.overlays import as_rgb
from contextseg.report.sheets import NAMED, names_sheet
from contextseg.training.run_pictures import RunPictures


class ClassifierPictures(RunPictures):
    """Pictures of a classifier's run.

    Args:
        folder: the run folder.
        classes: the L classes.
    """

    unit = "images"

    def __init__(self, folder: Path, classes: Classes) -> None:
        super().__init__(folder)
        self.classes = classes

    def draw_batch(self, batch: dict[str, Tensor], number: int) -> None:
        """Draw images as the network gets them under the names of their classes."""
        images = [as_rgb(image) for image in batch["image"][:NAMED].cpu().numpy()]
        labels = batch["labels"][:NAMED].tolist()
        title = f"Training batch {number}: {len(images)} of {len(batch['image'])} images"
        sheet = names_sheet(images, labels, self.classes, title)
        save_picture(self.folder / f"train_batch_{number}.jpg", sheet, title)

    def begin(self) -> None:
        """Nothing to collect: no single images are drawn."""

    def add(self, batch: dict[str, Tensor], predicted: Tensor) -> None:
        """Nothing to collect."""

    def draw_validation(self) -> None:
        """Nothing to draw."""

    def draw_scores(self, scores: object) -> None:
        """Draw errors by class and the confusion matrix."""
        assert isinstance(scores, ClassificationScores)
        errors = [math.nan if error is None else error for error in scores.class_error]
        self._draw_bars("Error by class", dict(zip(self.classes.names, errors, strict=True)))
        self._draw_confusion(scores.confusion, self.classes)
