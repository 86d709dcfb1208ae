"""Pictures and the report of a run, drawn while it trains."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from contextseg.system.atomic_files import remove_partials
from contextseg.training.module import TrainingModule
from contextseg.training.run_folder import LOG, PICTURES, REPORT, read_log
from contextseg.training.run_pictures import BATCHES, RunPictures
from contextseg.training.run_report import write_run_report
from contextseg.training.task import Task

logger = logging.getLogger(__name__)

PAUSE = 120.0
"""Seconds after which the report is refreshed between two validations."""


class DrawPictures(pl.Callback):
    """Keeps `pictures/` and `report.html` in a run folder.

    Only the first process draws. What fails is logged once, and never ends the training. Nothing
    here draws random numbers or changes the model, so the weights are the same without it.

    It belongs after the callbacks that write the scores and the log, whose files it reads.

    Args:
        folder: the run folder.
        kept: tells whether the latest validation is the one whose weights are kept.
    """

    def __init__(self, folder: Path, kept: Callable[[], bool]) -> None:
        self.folder = folder
        self.kept = kept
        self._pictures: RunPictures | None = None
        self._refreshed = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prepare, and remove what a killed process has not finished."""
        assert isinstance(pl_module, TrainingModule)
        if trainer.is_global_zero:
            self._pictures = pl_module.task.pictures(self.folder)
            remove_partials(self.folder / PICTURES)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Draw the first batches before they are trained on: wrong labels show at once."""
        assert isinstance(pl_module, TrainingModule)
        pictures = self._pictures
        if pictures is not None and batch_idx < BATCHES:
            self._try(pl_module, lambda: pictures.draw_batch(batch, batch_idx + 1))
            self._refresh(pl_module)
            if batch_idx == 0 and pl_module.drew_all:
                logger.info("First images with their labels: %s", self.folder / REPORT)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
        batch_idx: int,
    ) -> None:  # fmt: skip
        """Refresh the report of a run whose validations are far apart."""
        assert isinstance(pl_module, TrainingModule)
        if self._pictures is not None and time.monotonic() - self._refreshed > PAUSE:
            self._refresh(pl_module)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to collect images."""
        if self._pictures is not None:
            self._pictures.begin()

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
        batch_idx: int, dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        """Collect the best and the worst images of this process."""
        assert isinstance(pl_module, TrainingModule)
        pictures = self._pictures
        if pictures is not None:
            self._try(pl_module, lambda: pictures.add(batch, outputs))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the images and scores if these weights are kept; refresh curves and report."""
        assert isinstance(pl_module, TrainingModule)
        pictures, scores = self._pictures, pl_module.scores
        if pictures is None:
            return
        if scores is not None and self.kept():
            self._try(pl_module, pictures.draw_validation)
            self._try(pl_module, lambda: pictures.draw_scores(scores))
        self._refresh(pl_module)

    def _refresh(self, module: TrainingModule) -> None:
        pictures = self._pictures
        assert pictures is not None
        self._try(module, lambda: refresh(self.folder, module.task, pictures))
        self._refreshed = time.monotonic()

    def _try(self, module: TrainingModule, draw: Callable[[], object]) -> None:
        module.drew_all &= attempt(draw, self.folder, quiet=not module.drew_all)


def refresh(folder: Path, task: Task[Any, Any], pictures: RunPictures) -> None:
    """Bring the curves and the report in a run folder to the state of its log and scores."""
    pictures.draw_curves(read_log(folder / LOG))
    write_run_report(folder, task)


def attempt(draw: Callable[[], object], folder: Path, *, quiet: bool = False) -> bool:
    """Draw something of a run; a failure is logged as a warning (`quiet`: only for debugging).

    Returns:
        Whether it was drawn.
    """
    try:
        draw()
    except Exception as error:
        logger.log(
            logging.DEBUG if quiet else logging.WARNING,
            "A picture of the run in %s could not be drawn (%s: %s). Training is not affected; "
            "pictures: false switches the pictures off.",
            folder,
            type(error).__name__,
            error,
            exc_info=logger.isEnabledFor(logging.DEBUG),
        )
        return False
    return True
