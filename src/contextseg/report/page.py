"""The report: main scores, pictures, scores per class, curves, and next steps."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from contextseg.data.classes import Classes
from contextseg.report.formatting import MEANS
from contextseg.report.lines import Series, line_chart
from contextseg.report.rendering import render
from contextseg.report.samples import ReportSample, shown
from contextseg.system.atomic_files import write_text

if TYPE_CHECKING:
    from contextseg.metrics import Scores


def write_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    summary: str,
    samples: Sequence[ReportSample],
    classes: Classes,
    scores: Scores,
    baseline: Scores | None = None,
    losses: Sequence[Series] = (),
    validation: Sequence[Series] = (),
    curve_note: str = "",
    settings: Mapping[str, object] | None = None,
    commands: Mapping[str, str] | None = None,
) -> None:
    """Write one self-contained HTML file: no network, no scripts, light and dark.

    Args:
        path: file to write, atomically.
        title: plain text at the top.
        summary: plain text: what was trained, and on what.
        samples: images to show, in order.
        classes: names and colours.
        scores: scores of the model.
        baseline: scores of a prediction that needs no model, for comparison.
        losses: parts of the training loss by step.
        validation: validation scores in percent by step.
        curve_note: plain text above the curves: how the validation scores differ from `scores`.
        settings: options of the run, by name.
        commands: next steps: a command line by purpose.
    """
    pixels = scores.confusion.sum(1).tolist()
    curves = (
        line_chart("Training loss", losses, x_label="step"),
        line_chart("Validation", validation, x_label="step", y_label="percent", places=1),
    )
    page = render(
        "report.html",
        title=title,
        summary=summary,
        means=_means(scores, baseline),
        samples=[shown(sample, classes) for sample in samples],
        classes=classes,
        scores=scores,
        shares=[count / max(1, sum(pixels)) for count in pixels],
        baseline=baseline,
        curves=[chart for chart in curves if chart],
        curve_note=curve_note,
        settings=settings or {},
        commands=commands or {},
    )
    write_text(path, page)


def _means(scores: Scores, baseline: Scores | None) -> list[dict[str, object]]:
    """The scores over all classes that are defined, with those of the baseline."""
    found = []
    for name, field in MEANS.items():
        value = getattr(scores, field)
        if value is not None and not math.isnan(value):
            other = getattr(baseline, field) if baseline is not None else None
            found.append({"name": name, "value": value, "baseline": other})
    return found
