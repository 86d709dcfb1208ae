"""The report of a comparison, as a web page and as Markdown."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

from contextseg.comparison.report_tables import (
    BY_CLASS,
    SCORED,
    VALUES,
    class_table,
    cost_table,
    mean_name,
    option_table,
    published_table,
    run_table,
    score_table,
    small_name,
)
from contextseg.comparison.results import LOGS, Comparison, Cost, Entry, deviation
from contextseg.report.bars import Bar, bar_chart
from contextseg.report.charts import Series, line_chart
from contextseg.report.html import escape, page, section, standalone
from contextseg.report.tables import Table
from contextseg.system.atomic_files import write_text

PAGE, MARKDOWN, CHARTS = "report.html", "report.md", "charts"
SPEED = "train/images_per_s"
LOSS = {"segmentation": "train/main", "classification": "train/loss"}
SCORE = {"segmentation": "val/mean_iou", "classification": "val/error"}
"""Columns of a training log, by task."""


def write_reports(folder: str | os.PathLike[str], comparison: Comparison) -> None:
    """Write report.html, report.md and the charts that it shows into a folder.

    Args:
        folder: the training logs are in its folder `logs`.
        comparison: the figures.
    """
    folder = Path(folder)
    logs = _read_logs(folder / LOGS, comparison)
    title = comparison.settings["title"] or _title(comparison)
    summary = _summary(comparison)
    body = [f"<header>\n<h1>{escape(title)}</h1>\n<p>{escape(summary)}</p>\n</header>"]
    text = [f"# {title}\n", f"{summary}\n"]
    for part in _parts(comparison, logs):
        body.append(part.html())
        text += part.markdown(folder)
    failures = _failures(comparison)
    if failures:
        items = "".join(f"<li>{escape(line)}</li>" for line in failures)
        body.append(section("What failed", f'<ul class="failures">{items}</ul>'))
        text += ["## What failed\n", "".join(f"- {line}\n" for line in failures)]
    write_text(folder / PAGE, page(title, "\n".join(part for part in body if part)))
    write_text(folder / MARKDOWN, "\n".join(text))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """A section of the report."""

    heading: str
    note: str = ""
    table: Table | None = None
    bars: dict[str, str] = field(default_factory=dict)
    """Charts that stand in the Markdown too, by title; empty ones are left out."""
    curves: list[str] = field(default_factory=list)
    """Charts of the web page alone: their legend is no part of the drawing."""

    def html(self) -> str:
        """The section, or nothing if there is nothing in it."""
        charts = "".join([*self.bars.values(), *self.curves])
        table = self.table.html() if self.table else ""
        shown = f'<div class="charts">{charts}</div>' if charts else ""
        return section(self.heading, table + shown, self.note)

    def markdown(self, folder: Path) -> list[str]:
        """Its paragraphs; the charts become files in `folder`."""
        if self.table is None:
            return []
        parts = [f"## {self.heading}\n", *([f"{self.note}\n"] * bool(self.note))]
        parts.append(self.table.markdown())
        for title, chart in self.bars.items():
            if chart:
                name = "-".join(title.lower().replace("²", "2").split()) + ".svg"
                write_text(folder / CHARTS / name, standalone(chart))
                parts.append(f"![{title}]({CHARTS}/{name})\n")
        return parts


def _parts(comparison: Comparison, logs: dict[str, list[list[dict[str, Any]]]]) -> list[_Part]:
    speed = {name: value for name, runs in logs.items() if (value := _training_speed(runs))}
    return [
        _Part(
            heading="Scores",
            note=_score_note(comparison),
            table=score_table(comparison),
            bars=_score_bars(comparison),
        ),
        _Part(
            heading="Cost",
            note=_cost_note(comparison),
            table=cost_table(comparison, speed),
            bars=_cost_bars(comparison),
        ),
        _Part(
            heading=f"{_capital(BY_CLASS[comparison.task])} of each class, %",
            note=_class_note(comparison),
            table=class_table(comparison),
        ),
        _Part(
            heading="Learning curves",
            note="Means over the seeds.",
            curves=_curves(comparison.task, logs),
        ),
        _Part(heading="Options in which the models differ", table=option_table(comparison)),
        _Part(heading="Published", note=_PUBLISHED_NOTE, table=published_table(comparison)),
        _Part(heading="Runs", note=_RUN_NOTE, table=run_table(comparison)),
    ]


_PUBLISHED_NOTE = "Results that papers report on the same data; they were not run here."


def _class_note(comparison: Comparison) -> str:
    scored = SCORED[comparison.task]
    return (
        f"Mean over the seeds; behind it the difference to the first model, in points. "
        f"{scored.capitalize()}: share of the scored {scored}."
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


_RUN_NOTE = (
    "All options of a run are in comparison.json. A + marks code that was changed after the "
    "commit; minutes are of the whole training, on a machine that may have done other work."
)


def _title(comparison: Comparison) -> str:
    names = [entry.name for entry in comparison.entries]
    return f"{', '.join(names[:-1])} and {names[-1]}" if 1 < len(names) < 7 else "Comparison"


def _summary(comparison: Comparison) -> str:
    settings = comparison.settings
    seeds = sorted({run.seed for entry in comparison.entries for run in entry.runs})
    dataset = settings["dataset"] or settings["data"]
    return (
        f"{_count(len(comparison.entries), 'model')} trained with "
        f"{_count(len(seeds), 'seed')} ({', '.join(map(str, seeds))}), scored on "
        f"{_count(settings['images'], 'image')} of {dataset}, {settings['split']}"
        + (", each at its own size and one scale." if comparison.task == "segmentation" else ".")
    )


def _score_note(comparison: Comparison) -> str:
    several = any(len(entry.runs) > 1 for entry in comparison.entries)
    bounds = ", ".join(small_name(bound) for bound in comparison.settings["small"])
    over = comparison.settings.get("mean_over", ())
    return (
        ("Mean ± standard deviation over the seeds. " if several else "One seed a model. ")
        + (f"The first mean is over {', '.join(over)} alone. " if over else "")
        + "Differences are to the first model, in points. "
        + (
            f"{bounds}: IoU of the objects (connected components of a class in the ground truth) "
            "with fewer pixels, mean over the classes that have any."
            if bounds
            else ""
        )
    )


def _cost_note(comparison: Comparison) -> str:
    rows, columns = comparison.settings["size"]
    where = comparison.settings["machine"]
    precisions = sorted({entry.config["precision"] for entry in comparison.entries})
    image = f"One image of {rows} × {columns} pixels"
    if comparison.task == "segmentation":
        image += ", without the auxiliary head"
    return (
        f"{image}; GMAC: "
        f"convolutions and matrix products of the network. Speed and memory in precision "
        f"{' or '.join(precisions)} on {where['device']}, {_count(where['threads'], 'thread')}, "
        f"torch {where['torch']}; training includes reading and augmenting images."
    )


def _score_bars(comparison: Comparison) -> dict[str, str]:
    def drawn(title: str, values: Callable[[Entry], list[float]]) -> str:
        bars = []
        for entry in comparison.entries:
            found = [100 * value for value in values(entry)]
            if found:
                bars.append(Bar(entry.name, fmean(found), deviation(found) or 0.0))
        return bar_chart(title, bars, x_label="percent")

    over, main = comparison.mean_over, next(iter(VALUES[comparison.task].values()))
    name = _capital(mean_name(comparison))
    charts = {
        name: drawn(name, lambda entry: entry.mean_values(over) if over else entry.values(main))
    }
    for index, bound in enumerate(comparison.settings["small"]):
        title = f"Mean {small_name(bound)}"
        charts[title] = drawn(title, lambda entry, index=index: entry.small_values(index))
    return charts


def _cost_bars(comparison: Comparison) -> dict[str, str]:
    def drawn(title: str, unit: str, value: Callable[[Cost], float | None]) -> str:
        found = [(entry.name, value(entry.cost)) for entry in comparison.entries if entry.cost]
        bars = [Bar(name, figure) for name, figure in found if figure is not None]
        return bar_chart(title, bars, x_label=unit)

    return {
        "Arithmetic": drawn("Arithmetic", "GMAC", lambda cost: cost.gmac),
        "Speed": drawn("Speed", "images/s", lambda cost: cost.images_per_s),
        "Peak memory": drawn("Peak memory", "MiB", lambda cost: cost.memory_mib),
    }


def _curves(task: str, logs: dict[str, list[list[dict[str, Any]]]]) -> list[str]:
    loss = [Series(name, _means(runs, LOSS[task], 1.0)) for name, runs in logs.items()]
    score = [Series(name, _means(runs, SCORE[task], 100.0)) for name, runs in logs.items()]
    return [
        line_chart("Cross-entropy in training", loss, x_label="step"),
        line_chart(
            f"{_capital(next(iter(VALUES[task])))} on validation",
            score,
            x_label="step",
            y_label="percent",
        ),
    ]


def _read_logs(folder: Path, comparison: Comparison) -> dict[str, list[list[dict[str, Any]]]]:
    """Rows of the training logs by model, a list a run."""
    from contextseg.training.run_folder import read_log

    return {
        entry.name: [read_log(folder / run.log) for run in entry.runs if run.log]
        for entry in comparison.entries
    }


def _means(
    runs: list[list[dict[str, Any]]], column: str, factor: float
) -> list[tuple[float, float]]:
    """Steps, and the mean of a column over the runs that have it there."""
    found: dict[int, list[float]] = {}
    for rows in runs:
        for row in rows:
            if column in row:
                found.setdefault(row["step"], []).append(factor * row[column])
    return [(step, fmean(found[step])) for step in sorted(found)]


def _training_speed(runs: list[list[dict[str, Any]]]) -> float | None:
    speeds = [row[SPEED] for rows in runs for row in rows if SPEED in row]
    return median(speeds) if speeds else None


def _failures(comparison: Comparison) -> list[str]:
    return [
        f"{entry.name}, seed {run.seed}: {run.reason}"
        for entry in comparison.entries
        for run in entry.runs
        if run.status == "failed"
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
