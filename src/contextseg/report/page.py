"""The report of a run: scores, pictures, curves, next steps, and how it was trained."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contextseg.data.classes import Classes
from contextseg.report.confusion import confusion_charts
from contextseg.report.curves import Rows, curve_charts
from contextseg.report.formatting import MEANS
from contextseg.report.galleries import Gallery, embedded
from contextseg.report.rendering import render
from contextseg.report.samples import ReportSample, shown
from contextseg.report.tables import Table
from contextseg.system.atomic_files import write_text

if TYPE_CHECKING:
    from contextseg.metrics import Scores
    from contextseg.metrics.classification import ClassificationScores


OVERALL = MEANS | {"error": "error", "error, original pixels": "error_exact"}
"""Scores over all classes: display name to field of `Scores` or `ClassificationScores`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The content of a report; empty parts are left out."""

    title: str
    """Plain text at the top."""
    summary: str
    """Plain text: what was trained, and on what."""
    classes: Classes
    """Names and colours."""
    scores: Scores | ClassificationScores | None = None
    """Scores of the model; None if there are none yet."""
    scores_note: str = ""
    """Plain text: which weights were scored on which images."""
    baseline: Scores | None = None
    """Scores of a prediction that needs no model, for comparison."""
    samples: Sequence[ReportSample] = ()
    """Images to show with the classes in them, in order."""
    validation: Gallery | None = None
    """Validation images."""
    batches: Gallery | None = None
    """Training batches."""
    log: Rows = ()
    """Rows of the training log."""
    curve_note: str = ""
    """Plain text above the curves."""
    commands: Mapping[str, str] = field(default_factory=dict)
    """Next steps: a command line by purpose."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Most important options of the run, by name."""
    sessions: Table | None = None
    """When, where and with which code it was trained."""
    options: str = ""
    """All options, as YAML."""


def write_report(path: str | os.PathLike[str], report: Report) -> None:
    """Write one self-contained HTML file: no network, no scripts, light and dark.

    Args:
        path: file to write, atomically.
        report: what it shows.
    """
    scores, classes, confusion, table = report.scores, report.classes, [], None
    if scores is not None:
        table = _table(scores, report)
        confusion = confusion_charts(scores.confusion, classes, str(table["unit"]))
    galleries = {
        name: {"heading": gallery.heading, "note": gallery.note, "pictures": embedded(gallery)}
        for name, gallery in (("validation", report.validation), ("batches", report.batches))
        if gallery is not None
    }
    page = render(
        "report.html",
        report=report,
        title=report.title,
        summary=report.summary,
        means=_means(report),
        samples=[shown(sample, classes) for sample in report.samples],
        classes=classes,
        table=table,
        baseline=report.baseline,
        confusion=confusion,
        validation=galleries.get("validation"),
        batches=galleries.get("batches"),
        curves=curve_charts(report.log),
    )
    write_text(path, page)


def _means(report: Report) -> list[dict[str, object]]:
    """The scores over all classes that are defined, with those of the baseline."""
    found = []
    for name, field_ in OVERALL.items():
        value = getattr(report.scores, field_, None)
        if value is not None and not math.isnan(value):
            other = getattr(report.baseline, field_, None)
            found.append({"name": name, "value": value, "baseline": other})
    return found


def _table(scores: Scores | ClassificationScores, report: Report) -> dict[str, object]:
    """The content of the table of scores by class."""
    from contextseg.metrics import Scores

    totals = scores.confusion.sum(1).tolist()
    if isinstance(scores, Scores):
        unit, measure, values, overall = "pixels", "IoU", scores.iou, ("mean IoU", scores.mean_iou)
    else:
        values = [math.nan if error is None else error for error in scores.class_error]
        unit, measure, overall = "images", "error", ("all", scores.error)
    base = report.baseline
    rows = [
        {
            "class": info,
            "share": totals[label] / max(1, sum(totals)),
            "value": values[label],
            "baseline": None if base is None else base.iou[label],
        }
        for label, info in enumerate(report.classes.classes)
    ]
    return {"unit": unit, "measure": measure, "rows": rows, "overall": overall}
