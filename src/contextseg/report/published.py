"""Results that papers and model zoos report: EncNet, CPNet and what they are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from contextseg.report.formatting import NOTHING, fixed
from contextseg.report.tables import Table
from contextseg.system.json_text import load_json

FILE = "published.json"
PAPERS = ("EncNet paper", "CPNet paper")
"""How sources that are one of the two papers begin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedResult:
    """A row of somebody's table. Nobody has reproduced it here."""

    data: str
    """Data set."""
    split: str
    system: str
    backbone: str | None
    """None where the source does not state it."""
    protocol: str
    """`single scale`, `multi-scale`, `600 epochs` or `not stated`."""
    source: str
    classes: int | None = None
    """Number of classes, where there are several conventions; None if not stated."""
    mean_iou: float | None = None
    """Percent."""
    pixel_accuracy: float | None = None
    """Percent."""
    final_score: float | None = None
    """Mean of mean IoU and pixel accuracy, percent: the score of ADE20K's test server."""
    error: float | None = None
    """Percent, of classifiers."""
    parameters: str = ""
    """As stated."""
    note: str = ""
    """What sets the row apart from others of the same system."""

    @property
    def name(self) -> str:
        """System and backbone."""
        return f"{self.system}, {self.backbone}" if self.backbone else self.system


@cache
def published() -> tuple[PublishedResult, ...]:
    """All rows, by data set, split and source."""
    text = files("contextseg.report").joinpath(FILE).read_text(encoding="utf-8")
    return tuple(PublishedResult(**row) for row in load_json(text))


def published_on(dataset: str, classes: int | None = None) -> list[PublishedResult]:
    """The rows for a data set.

    Args:
        dataset: its name, as in `Classes.dataset`; "PASCAL-Context, 59 classes" and the like
            also name its convention of classes.
        classes: leave out rows that count another number of classes.
    """
    return [
        row
        for row in published()
        if dataset in (row.data, f"{row.data}, {classes} classes")
        and (classes is None or row.classes in (None, classes))
    ]


def published_in_papers(systems: Iterable[str]) -> list[PublishedResult]:
    """What the EncNet and CPNet papers report of these systems, on any data.

    Args:
        systems: names as papers spell them, in capitals or not.
    """
    names = {system.casefold() for system in systems}
    return [
        row
        for row in published()
        if row.system.casefold() in names and row.source.startswith(PAPERS)
    ]


_SCORES = {
    "mean IoU, %": "mean_iou",
    "pixel accuracy, %": "pixel_accuracy",
    "final score, %": "final_score",
    "error, %": "error",
}


def table_of(rows: Sequence[PublishedResult]) -> Table:
    """Rows as a table, with the columns that any row has; of several data sets, these too."""
    scores = {heading: [getattr(row, field) for row in rows] for heading, field in _SCORES.items()}
    scores = {heading: values for heading, values in scores.items() if any(values)}
    texts = {
        "split": [row.split for row in rows],
        "classes": [NOTHING if row.classes is None else str(row.classes) for row in rows],
        "protocol": [row.protocol for row in rows],
        "parameters": [row.parameters or NOTHING for row in rows],
        "note": [row.note or NOTHING for row in rows],
    }
    texts = {heading: column for heading, column in texts.items() if set(column) != {NOTHING}}
    numbers = {
        heading: [NOTHING if value is None else fixed(value, 2) for value in values]
        for heading, values in scores.items()
    }
    sets = [row.data for row in rows]
    columns = {"data": sets} if len(set(sets)) > 1 else {}
    columns |= {"system": [row.name for row in rows], **texts, **numbers}
    columns["source"] = [row.source for row in rows]
    return Table(list(columns), list(zip(*columns.values(), strict=True)))
