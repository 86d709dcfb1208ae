"""The pictures of a run folder: which files there are, and what a task must draw."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from contextseg.data.classes import Classes
from contextseg.report.bars import Bar, bar_chart
from contextseg.report.charts import Chart
from contextseg.report.confusion import confusion_charts
from contextseg.report.curves import Rows, curve_charts
from contextseg.system.atomic_files import write_text
from contextseg.training.run_folder import PICTURES

BATCHES = 3
"""Training batches that are drawn."""
_ORDER = re.compile(r"(\d+)\.jpg$")


class RunPictures(ABC):
    """Draws the pictures of one run into its folder.

    It only reads what it is given: no random numbers, no data of its own, no changes to the model.

    Args:
        folder: the run folder.
    """

    unit: ClassVar[str]
    """What the confusion matrix counts: `pixels`, `images`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / PICTURES

    @abstractmethod
    def draw_batch(self, batch: dict[str, Tensor], number: int) -> None:
        """Draw a training batch with its labels, `number` from 1."""

    @abstractmethod
    def begin(self) -> None:
        """A validation begins."""

    @abstractmethod
    def add(self, batch: dict[str, Tensor], predicted: Tensor) -> None:
        """Consider the images of a validation batch."""

    @abstractmethod
    def draw_validation(self) -> None:
        """Draw the images of the latest validation."""

    @abstractmethod
    def draw_scores(self, scores: object) -> None:
        """Draw the scores by class, and what is taken for what."""

    def draw_curves(self, rows: Rows) -> None:
        """Draw the learning curves of a log."""
        for chart in curve_charts(rows):
            self._write(chart)

    def _write(self, chart: Chart | None) -> None:
        if chart is not None:
            write_text(self.folder / chart.file_name, chart.figure())

    def _draw_confusion(self, confusion: Tensor, classes: Classes) -> None:
        for chart in confusion_charts(confusion, classes, self.unit):
            self._write(chart)

    def _draw_bars(self, title: str, values: dict[str, float]) -> None:
        """Bars of values in 0 to 1 by name, the highest first."""
        ordered = sorted(values.items(), key=lambda pair: (pair[1] != pair[1], -pair[1]))
        bars = [Bar(name, 100 * value) for name, value in ordered]
        self._write(bar_chart(title, bars, x_label="percent", places=1, compact=True))


def batch_files(folder: Path) -> list[Path]:
    """Pictures of training batches in a run folder."""
    return _numbered(folder, "train_batch")


def validation_files(folder: Path) -> list[Path]:
    """Pictures of validation images in a run folder: the worst, then the best."""
    return _numbered(folder, "validation_worst") + _numbered(folder, "validation_best")


def _numbered(folder: Path, name: str) -> list[Path]:
    found = (folder / PICTURES).glob(f"{name}_*.jpg")
    return sorted(path for path in found if _ORDER.search(path.name))
