"""All results of a comparison in one JSON file, from which its report is made."""

from __future__ import annotations

import math
import os
import re
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from contextseg.comparison.old_results import upgraded
from contextseg.system.atomic_files import write_text
from contextseg.system.json_text import load_json
from contextseg.system.terminal import json_text

FILE_NAME = "comparison.json"
LOGS = "logs"
"""Folder next to it with the training log and the counts of each image, of each run."""
PAGE, MARKDOWN, CHARTS = "report.html", "report.md", "charts"
FILES = (FILE_NAME, PAGE, MARKDOWN)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunScores:
    """Scores of a trained model, each in 0 to 1; None where undefined."""

    values: dict[str, float | None]
    """Over all classes, by name: `mean_iou`, `pixel_accuracy`, `mean_accuracy` and `presence_map`
    (`contextseg.metrics.Scores`), or `error` and `error_exact`
    (`contextseg.metrics.classification.ClassificationScores`)."""
    classes: list[float | None]
    """IoU, or error, by label."""
    small: list[list[float | None]]
    """IoU of small objects (`contextseg.metrics.small_objects`) by bound, by label."""

    def small_mean(self, index: int) -> float | None:
        """Mean IoU of small objects at a bound, over the classes that have any."""
        return mean(self.small[index])


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One training: a model and a seed."""

    seed: int
    identity: str
    """Equal for runs that compute the same result."""
    status: str = "to do"
    """`done`, `failed`, or `to do`."""
    reason: str = ""
    """Why it failed."""
    scores: RunScores | None = None
    log: str = ""
    """Name of its training log in the folder `logs`."""
    counts: str = ""
    """Name of the counts of each image in the folder `logs`; empty if there are none."""
    sessions: list[dict[str, Any]] = field(default_factory=list)
    """When, where and with which code it was trained: see
    `contextseg.training.callbacks.provenance`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """The cost of a prediction, measured in a fresh process with the model alone."""

    parameters: int
    """Parameters that a prediction needs: without the auxiliary head."""
    gmac: float
    """Billions of multiply-accumulates per image in convolutions and matrix products."""
    images_per_s: float
    """Images per second, from pixels in memory to labels."""
    memory_mib: float | None
    """Peak memory of the prediction beyond the model, MiB; None if it cannot be measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One model of the comparison."""

    name: str
    config: dict[str, Any]
    """Every option, as `contextseg.config.io.to_dict` gives them."""
    runs: list[Run]
    """One per seed."""
    cost: Cost | None = None

    def values(self, name: str) -> list[float]:
        """A value of `RunScores` from each run that has it."""
        found = [run.scores.values.get(name) for run in self.runs if run.scores is not None]
        return [value for value in found if value is not None]

    def small_values(self, index: int) -> list[float]:
        """Mean IoU of small objects at a bound, from each run."""
        found = [run.scores.small_mean(index) for run in self.runs if run.scores is not None]
        return [value for value in found if value is not None]

    def mean_values(self, labels: Sequence[int]) -> list[float]:
        """Mean IoU over some classes, those in which it is defined, from each run."""
        runs = [run.scores for run in self.runs if run.scores is not None]
        found = [mean([scores.classes[label] for label in labels]) for scores in runs]
        return [value for value in found if value is not None]

    def class_values(self, label: int) -> list[float]:
        """IoU of a class, from each run in which it is defined."""
        found = [run.scores.classes[label] for run in self.runs if run.scores is not None]
        return [value for value in found if value is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """All results of a comparison."""

    settings: dict[str, Any]
    """What was scored and measured, and how: task, data, split, images, size, machine, ..."""
    classes: list[str]
    """Names by label."""
    pixels: list[int] = field(default_factory=list)
    """Scored pixels (or images) of each class in the ground truth."""
    entries: list[Entry]
    """The models, in the order of the report: differences are to the first."""

    @property
    def task(self) -> str:
        """`segmentation` or `classification`."""
        return self.settings.get("task", "segmentation")

    @property
    def mean_over(self) -> list[int]:
        """Labels of the classes of `settings["mean_over"]`; empty if the mean is over all."""
        return [self.classes.index(name) for name in self.settings.get("mean_over", ())]


def check_mean_over(names: Sequence[str], classes: Sequence[str]) -> None:
    """Raise unless all names are names of classes."""
    unknown = [name for name in names if name not in classes]
    if unknown:
        raise ValueError(
            f"compare: mean_over names {', '.join(unknown)}, but the classes are "
            f"{', '.join(classes)}."
        )


def write_comparison(folder: str | os.PathLike[str], comparison: Comparison) -> None:
    """Write `comparison.json` into a folder, atomically."""
    content = asdict(comparison)
    text = json_text(content, indent=1, allow_nan=False)
    write_text(Path(folder) / FILE_NAME, _short_lists(text) + "\n")


def read_comparison(folder: str | os.PathLike[str]) -> Comparison:
    """The comparison that `write_comparison` wrote into a folder.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is broken or has another form; the message names it.
    """
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        raise FileNotFoundError(f"no comparison in {folder}: expected {FILE_NAME} there.")
    try:
        content = upgraded(load_json(path.read_text(encoding="utf-8")))
        entries = [_entry(values) for values in content.pop("entries")]
        return Comparison(entries=entries, **content)
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path} is not a comparison file ({error}).") from error


def mean(values: Sequence[float | None]) -> float | None:
    """Mean of the values that are defined; None if none is."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def deviation(values: Sequence[float]) -> float | None:
    """Sample standard deviation (divided by n - 1); None for fewer than two values."""
    return statistics.stdev(values) if len(values) > 1 else None


def or_none(value: float | None) -> float | None:
    """`value`, with None for what JSON cannot represent."""
    return None if value is None or not math.isfinite(value) else float(value)


def _entry(values: dict[str, Any]) -> Entry:
    for run in values["runs"]:
        run["scores"] = None if run["scores"] is None else RunScores(**run["scores"])
    values["runs"] = [Run(**run) for run in values["runs"]]
    values["cost"] = None if values["cost"] is None else Cost(**values["cost"])
    return Entry(**values)


def _short_lists(text: str) -> str:
    """JSON with each list of numbers on one line."""
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda found: f"[{' '.join(found[0][1:-1].split())}]", text)
