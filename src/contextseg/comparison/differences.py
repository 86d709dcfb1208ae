"""How certain the differences between the models of a comparison are."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from contextseg.comparison.report_tables import mean_name
from contextseg.comparison.results import Comparison, Entry
from contextseg.comparison.runs import read_counts
from contextseg.metrics.paired_bootstrap import Difference, paired_difference
from contextseg.report.formatting import points
from contextseg.report.tables import Cell, Table

logger = logging.getLogger(__name__)


def differences(comparison: Comparison, logs: Path) -> dict[str, Difference]:
    """Difference of each model to the first in the main result, by name, where counts are kept.

    Args:
        comparison: the results, of segmentation.
        logs: the folder with the counts of each image.
    """
    first, *others = comparison.entries
    found: dict[str, Difference] = {}
    for entry in others:
        try:
            base, counts = _counts(first, logs), _counts(entry, logs)
            if base and counts:
                found[entry.name] = paired_difference(base, counts, labels=comparison.mean_over)
        except ValueError as error:  # a damaged file, or runs on other images
            logger.warning("no interval for %s: %s", entry.name, error)
    return found


def difference_table(comparison: Comparison, logs: Path) -> Table | None:
    """Differences with their intervals; None if no counts are kept."""
    found = differences(comparison, logs)
    if not found:
        return None
    rows: list[list[Cell | str]] = [
        [
            name,
            Cell(points(100 * difference.value, 2), tone=_tone(difference)),
            f"{points(100 * difference.low, 2)} to {points(100 * difference.high, 2)}",
            _verdict(difference),
        ]
        for name, difference in found.items()
    ]
    return Table(["model", f"{mean_name(comparison)}, points", "95 % interval", "so it is"], rows)


def _counts(entry: Entry, logs: Path) -> list[np.ndarray]:
    names = [run.counts for run in entry.runs if run.status == "done"]
    if not names or not all(name and (logs / name).is_file() for name in names):
        return []
    return [read_counts(logs / name) for name in names]


def _tone(difference: Difference) -> str:
    return ("better" if difference.value > 0 else "worse") if difference.certain else ""


def _verdict(difference: Difference) -> str:
    if not difference.certain:
        return "not distinguishable"
    return "better" if difference.value > 0 else "worse"
