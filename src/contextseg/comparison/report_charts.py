"""The results and training logs of a comparison as charts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean, median
from typing import Any

from contextseg.comparison.report_tables import main_values, mean_name, small_name
from contextseg.comparison.results import Comparison, Cost, Entry, deviation
from contextseg.comparison.wording import WORDINGS, Wording, capitalised
from contextseg.report.bars import Bar, bar_chart
from contextseg.report.charts import Chart
from contextseg.report.lines import Series, line_chart

SPEED = "train/images_per_s"
"""Column of a training log."""
Logs = dict[str, list[list[dict[str, Any]]]]
"""Rows of the training logs by model, one list per run."""


def read_logs(folder: Path, comparison: Comparison) -> Logs:
    """The logs of all runs that have one, by model."""
    from contextseg.training.run_folder import read_log

    return {
        entry.name: [read_log(folder / run.log) for run in entry.runs if run.log]
        for entry in comparison.entries
    }


def score_bars(comparison: Comparison) -> list[Chart]:
    """The main result, by which models are compared, and the IoU of small objects, in percent."""

    wording = WORDINGS[comparison.task]

    def drawn(title: str, values: Callable[[Entry], list[float]]) -> Chart | None:
        bars = []
        for entry in comparison.entries:
            found = [100 * value for value in values(entry)]
            if found:
                bars.append(Bar(entry.name, fmean(found), deviation(found) or 0.0))
        return bar_chart(title, bars, x_label="percent", places=wording.places)

    name = capitalised(mean_name(comparison))
    charts = [drawn(name, lambda entry: main_values(comparison, entry))]
    for index, bound in enumerate(comparison.settings["small"]):
        title = f"Mean {small_name(bound)}"
        charts.append(drawn(title, lambda entry, index=index: entry.small_values(index)))
    return [chart for chart in charts if chart]


def cost_bars(comparison: Comparison) -> list[Chart]:
    """Arithmetic, speed and memory of a prediction, as far as measured."""

    def drawn(
        title: str, unit: str, value: Callable[[Cost], float | None], places: int | None = None
    ) -> Chart | None:
        found = [(entry.name, value(entry.cost)) for entry in comparison.entries if entry.cost]
        bars = [Bar(name, measured) for name, measured in found if measured is not None]
        return bar_chart(title, bars, x_label=unit, places=places)

    charts = (
        drawn("Arithmetic", "GMAC", lambda cost: cost.gmac, 2),
        drawn("Speed", "images/s", lambda cost: cost.images_per_s),
        drawn("Peak memory", "MiB", lambda cost: cost.memory_mib),
    )
    return [chart for chart in charts if chart]


def curves(logs: Logs, wording: Wording) -> list[Chart]:
    """Loss and validation score of each model over the steps, means over its runs."""
    loss, score = (
        [Series(name, _means(runs, column, factor)) for name, runs in logs.items()]
        for column, factor in ((wording.loss, 1.0), (wording.score, 100.0))
    )
    charts = (
        line_chart("Cross-entropy in training", loss, x_label="step"),
        line_chart(
            f"{capitalised(wording.main)} on validation",
            score,
            x_label="step",
            y_label="percent",
            places=wording.places,
        ),
    )
    return [chart for chart in charts if chart]


def training_speed(logs: Logs) -> dict[str, float]:
    """Training speed in images per second by model, if the logs have it."""
    speeds = {
        name: [row[SPEED] for rows in runs for row in rows if SPEED in row]
        for name, runs in logs.items()
    }
    return {name: median(found) for name, found in speeds.items() if found}


def _means(
    runs: list[list[dict[str, Any]]], column: str, factor: float
) -> list[tuple[float, float]]:
    """Steps, and at each the mean of a column over the runs that have it."""
    found: dict[int, list[float]] = {}
    for rows in runs:
        for row in rows:
            if column in row:
                found.setdefault(row["step"], []).append(factor * row[column])
    return [(step, fmean(found[step])) for step in sorted(found)]
