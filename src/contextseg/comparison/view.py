"""The result of a comparison as a line of text, and in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from contextseg.comparison.report_charts import read_logs, training_speed
from contextseg.comparison.report_tables import class_table, cost_table, main_values, score_table
from contextseg.comparison.results import LOGS, mean
from contextseg.display.html import line, short, table, view
from contextseg.display.numbers import counted, percent

if TYPE_CHECKING:
    from contextseg.comparison.compare import ComparisonResult
    from contextseg.report.tables import Table

NAMES = 4
"""Models that a line names."""
REASONS = 5
"""Failures that are shown."""


def comparison_line(result: ComparisonResult) -> str:
    """A comparison in a line: its folder, the models with their main result."""
    comparison = result.comparison
    models = [
        f"{short(entry.name, 40)} {percent(mean(main_values(comparison, entry)))} %"
        for entry in comparison.entries[:NAMES]
    ]
    more = len(comparison.entries) - NAMES
    parts = [repr(short(result.folder)), *models, *([f"{more} more"] if more > 0 else [])]
    parts += [counted(len(result.failed), "failure")] if result.failed else []
    parts += ["interrupted"] if result.interrupted else []
    return f"ComparisonResult({', '.join(parts)})"


def comparison_html(result: ComparisonResult) -> str:
    """A comparison as HTML: scores of the models, what they cost, results by class."""
    comparison = result.comparison
    speed = training_speed(read_logs(result.folder / LOGS, comparison))
    tables = (score_table(comparison), cost_table(comparison, speed), class_table(comparison))
    parts = [_html(each) for each in tables if each is not None]
    parts += [
        line(f"{short(name, 40)}, seed {seed} failed: {reason}")
        for name, seed, reason in result.failed[:REASONS]
    ]
    more = len(result.failed) - REASONS
    parts += [line(f"and {more} more failed")] if more > 0 else []
    settings = comparison.settings
    note = f"{counted(len(comparison.entries), 'model')}, report in {result.folder}"
    return view(settings.get("title") or "Comparison", *parts, note=note)


def _html(given: Table) -> Markup:
    return table(given.columns, given.texts())
