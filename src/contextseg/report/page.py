"""The report itself: key figures, pictures, scores, curves, how to go on."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from contextseg.data.classes import Classes
from contextseg.report.charts import Series, line_chart
from contextseg.report.formatting import MEANS, percent
from contextseg.report.html import escape, page, section, swatch
from contextseg.report.samples import ReportSample, legend, sample_row
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
    settings: Mapping[str, object] | None = None,
    commands: Mapping[str, str] | None = None,
) -> None:
    """Write one HTML file with everything in it: no network, no scripts, light and dark.

    Args:
        path: file to write, whole or not at all.
        title: plain text at the top.
        summary: plain text: what was done, to what.
        samples: pictures to show, in this order.
        classes: names and colours.
        scores: of the model.
        baseline: of the prediction that needs no model, to compare with.
        losses: parts of the training loss over the steps.
        validation: scores in percent over the steps.
        settings: what the run was told, by name.
        commands: how to go on: a command line for each purpose.
    """
    rows = "\n".join(sample_row(sample, classes) for sample in samples)
    charts = line_chart("Training loss", losses, x_label="step") + line_chart(
        "Validation", validation, x_label="step", y_label="percent"
    )
    parts = [
        f"<header>\n<h1>{escape(title)}</h1>\n<p>{escape(summary)}</p>\n"
        f"{_key_figures(scores, baseline)}\n</header>",
        section("What the model sees", legend(classes) + rows if samples else "", _SAMPLES_NOTE),
        section("Scores", _score_table(scores, baseline, classes), _note(baseline)),
        section("Learning curves", f'<div class="charts">{charts}</div>' if charts else ""),
        section("How to go on", _commands(commands or {})),
        section("Settings", _settings(settings or {})),
    ]
    write_text(path, page(title, "\n".join(part for part in parts if part)))


_SAMPLES_NOTE = (
    "Each chip is a class in the prediction, with its share of the pixels and, where the model has "
    "a semantic encoding branch, the probability it gives to the class being in the image at all. "
    "Dashed: the class is in the ground truth, but not in the prediction. Outlined in red: the "
    "other way round."
)


def _note(baseline: Scores | None) -> str:
    text = "Intersection over union of each class, in percent of the scored pixels."
    if baseline is not None:
        text += " The baseline calls every pixel the most frequent class of the training images."
    return text


def _key_figures(scores: Scores, baseline: Scores | None) -> str:
    cards = []
    for name, field in MEANS.items():
        value = getattr(scores, field)
        if value is None or math.isnan(value):
            continue
        other = getattr(baseline, field) if baseline is not None else None
        below = "" if other is None else f"<small>baseline {percent(other)} %</small>"
        cards.append(
            f"<li><span>{escape(name)}</span><b>{percent(value)}<sub>%</sub></b>{below}</li>"
        )
    return f'<ul class="figures">{"".join(cards)}</ul>'


def _score_table(scores: Scores, baseline: Scores | None, classes: Classes) -> str:
    pixels = scores.confusion.sum(1)
    total = max(1, int(pixels.sum()))
    head = "<th>class</th><th>pixels, %</th><th colspan=2>IoU, %</th>"
    head += "<th>baseline IoU, %</th>" if baseline is not None else ""
    rows = []
    for label, info in enumerate(classes.classes):
        cells = (
            f"<td>{swatch(info.color)}{escape(info.name)}</td>"
            f"<td>{percent(int(pixels[label]) / total)}</td>"
            f"{_bar(scores.iou[label])}"
        )
        cells += f"<td>{percent(baseline.iou[label])}</td>" if baseline is not None else ""
        rows.append(f"<tr>{cells}</tr>")
    last = f"<td>mean IoU</td><td></td>{_bar(scores.mean_iou)}"
    last += f"<td>{percent(baseline.mean_iou)}</td>" if baseline is not None else ""
    return (
        f'<div class="scroll"><table class="scores"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody><tfoot><tr>{last}</tr></tfoot></table></div>"
    )


def _bar(share: float) -> str:
    """Two cells: the share as a bar, and in percent."""
    width = 0.0 if math.isnan(share) else 100 * share
    return f'<td class="bar"><i style="width:{width:.1f}%"></i></td><td>{percent(share)}</td>'


def _commands(commands: Mapping[str, str]) -> str:
    items = (
        f"<dt>{escape(purpose)}</dt><dd><code>{escape(line)}</code></dd>"
        for purpose, line in commands.items()
    )
    return f'<dl class="commands">{"".join(items)}</dl>' if commands else ""


def _settings(settings: Mapping[str, object]) -> str:
    rows = (
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in settings.items()
    )
    return f'<table class="settings">{"".join(rows)}</table>' if settings else ""
