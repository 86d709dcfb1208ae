"""Which classes are taken for which: a matrix, or the most frequent pairs if there are many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from contextseg.data.classes import Classes
from contextseg.report.bars import LETTER, Bar, bar_chart, shortened
from contextseg.report.charts import Chart
from contextseg.report.formatting import NOTHING, fixed, percent
from contextseg.report.rendering import render

if TYPE_CHECKING:
    from torch import Tensor

MOST_CLASSES = 32
"""Maximum number of classes in a matrix; of more, the pairs are shown."""
MOST_LARGE = 16
"""Maximum number of classes with large cells."""
_HALF_LABEL = 110
"""Half the width of the label of the columns, in pixels."""
NAME = 19
"""Maximum length of a name in a pair, in letters."""
PAIRS = 24
"""Maximum number of pairs; those with the most errors are shown."""


def confusion_charts(confusion: Tensor, classes: Classes, unit: str) -> list[Chart]:
    """The confusion as a matrix, for up to MOST_CLASSES classes, and its largest errors.

    Args:
        confusion: counts [L, L] by true label (row) and predicted label (column).
        classes: the L classes.
        unit: what was counted: `pixels`, `images`.

    Returns:
        Up to two charts; none if nothing was counted, or nothing is wrong among many classes.
    """
    counts = confusion.double().numpy()
    if not counts.sum():
        return []
    pairs = _pairs(counts, classes, unit)
    matrix = _matrix(counts, classes, unit) if len(counts) <= MOST_CLASSES else None
    return [chart for chart in (matrix, pairs) if chart]


def _matrix(counts: np.ndarray, classes: Classes, unit: str) -> Chart:
    number = len(counts)
    cell = 44 if number <= MOST_LARGE else 24
    names = [shortened(name) for name in classes.names]
    letters = LETTER * max(map(len, names))
    left, top = max(40 + letters, _HALF_LABEL - number * cell / 2), 8
    under = 22 + 0.72 * letters  # names slant at 45 degrees
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    filled = counts.sum(1) > 0
    cells = [
        {
            "x": left + column * cell,
            "y": top + row * cell,
            "share": shares[row, column],
            "text": _cell_text(shares[row, column]),
            "hint": f"{classes.names[row]} taken for {classes.names[column]}: "
            f"{percent(shares[row, column])} %",
            "right": row == column,
        }
        for row in np.flatnonzero(filled)
        for column in range(number)
        if shares[row, column] >= 0.0005 or row == column
    ]
    right = "; ".join(
        f"{name} {percent(shares[label, label]) if filled[label] else NOTHING}"
        for label, name in enumerate(classes.names)
    )
    return Chart(
        title="Confusion matrix",
        description=f"Confusion matrix: predicted {unit} of each true class, in percent. "
        f"Right: {right}.",
        width=round(left + max(number * cell + 16, number * cell / 2 + _HALF_LABEL)),
        height=round(top + number * cell + under + 18),
        drawing=render(
            "confusion.svg", cells=cells, names=names, cell=cell, left=left, top=top,
            size=number * cell, under=under, empty=np.flatnonzero(~filled).tolist(),
            unit=unit,
        ),
    )  # fmt: skip


def _cell_text(share: float) -> str:
    """Percent for a cell: whole from 1 % on, empty below half a percent."""
    return fixed(100 * share, 0) if share >= 0.005 else ""


def _pairs(counts: np.ndarray, classes: Classes, unit: str) -> Chart | None:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    largest = np.argsort(wrong, axis=None)[::-1][:PAIRS]
    found = [divmod(int(place), len(counts)) for place in largest]
    bars = [
        Bar(
            f"{shortened(classes.names[row], NAME)} → {shortened(classes.names[column], NAME)} "
            f"({percent(wrong[row, column] / counts[row].sum(), 0)} %)",
            100 * wrong[row, column] / wrong.sum(),
        )
        for row, column in found
        if wrong[row, column]
    ]
    label = f"percent of all wrong {unit} (in brackets: of the true class)"
    return bar_chart("Most confused pairs", bars, x_label=label, places=1, compact=True)
