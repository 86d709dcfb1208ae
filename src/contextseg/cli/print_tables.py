"""Scores as tables on the terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from textwrap import shorten
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contextseg.data.wording import some
from contextseg.report.formatting import MEANS, percent
from contextseg.system.terminal import cell, console, printable

if TYPE_CHECKING:
    from contextseg.data.check import Report
    from contextseg.data.setup.plan import DataPlan
    from contextseg.metrics import Scores
    from contextseg.metrics.classification import ClassificationScores
    from contextseg.report.tables import Table as ReportTable

WIDE = 140
"""Width of a table, in characters, if the output is not a terminal."""
ABSENT = 5
"""So many classes without pixels have a row each; more are listed below the table."""
LONGEST = 32
"""Maximum width of a cell, in characters: full failure reasons follow below the table."""


def titled(title: str) -> Console:
    """Standard output, with `title` printed above what follows."""
    out = console()
    if title:
        out.print(Text(f"\n{printable(title)}", "bold"), soft_wrap=True)
    return out


def columns(first: str, *numbers: str) -> Table:
    """An empty table with a column of names and columns of numbers, given their headings."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(first)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _means() -> Table:
    return Table(box=None, show_header=False, padding=(0, 2, 0, 1))


def print_scores(
    scores: Scores, names: Sequence[str], *, baseline: Scores | None = None, title: str = ""
) -> None:
    """Print IoU and accuracy of each class in percent, then the means.

    Args:
        scores: the model's scores.
        names: class names by label.
        baseline: scores to compare with.
        title: plain text above the table.
    """
    out = titled(title)
    table = columns("%", "IoU", "accuracy")
    if baseline is not None:
        table.add_column("baseline IoU", justify="right", style="dim")
    for label, name in enumerate(names):
        row: list[str | Text] = [
            cell(name),
            percent(scores.iou[label]),
            percent(scores.accuracy[label]),
        ]
        if baseline is not None:
            row.append(percent(baseline.iou[label]))
        table.add_row(*row)
    out.print(table)
    means = _means()
    for name, field in MEANS.items():
        value = getattr(scores, field)
        if value is None:
            continue
        row = [name, f"[bold]{percent(value)} %[/bold]"]
        other = getattr(baseline, field) if baseline is not None else None
        if other is not None:
            row.append(f"[dim]baseline {percent(other)} %[/dim]")
        means.add_row(*row)
    out.print(means)


def print_frequencies(report: Report, names: Sequence[str]) -> None:
    """Print each class's share of the valid pixels, and the number of images it occurs in.

    Args:
        report: the result of a check.
        names: class names by label.
    """
    table = columns("class", "% of valid pixels", "images")
    valid = int(report.class_pixels.sum())
    absent = [name for name, images in zip(names, report.class_images, strict=True) if not images]
    is_short = len(absent) > ABSENT
    for name, pixels, images in zip(names, report.class_pixels, report.class_images, strict=True):
        if is_short and not images:
            continue
        share = pixels / valid if valid else math.nan
        table.add_row(cell(name), percent(share, digits=2), f"{images}")
    total = valid + report.ignored_pixels
    ignored = report.ignored_pixels / total if total else math.nan
    table.add_row("[dim]ignored, % of all[/dim]", f"[dim]{percent(ignored, digits=2)}[/dim]", "")
    console().print(table)
    if is_short:
        print(f"{len(absent)} classes are in no image: {printable(some(absent))}.")


def print_found_classes(plan: DataPlan) -> None:
    """Print the classes of a folder: id, colour, share of their pixels, images in each split."""
    table = columns("class", "id", "colour", "% of valid pixels", *plan.splits)
    valid = int(plan.class_pixels.sum())
    for label, info in enumerate(plan.classes.classes):
        share = plan.class_pixels[label] / valid if valid else math.nan
        images = (f"{split.class_images[label]}" for split in plan.splits.values())
        color = " ".join(map(str, info.color))
        table.add_row(cell(info.name), f"{info.id}", color, percent(share, digits=2), *images)
    console().print(table)


def print_table(table: ReportTable) -> None:
    """Print a table of a report."""
    shown = Table(box=box.SIMPLE_HEAD)
    for index, name in enumerate(table.columns):
        shown.add_column(cell(name), justify="right" if index else "left", no_wrap=not index)
    for row in table.texts():
        shown.add_row(*(cell(shorten(text, LONGEST, placeholder=" …")) for text in row))
    # A file has room for all columns.
    console(width=None if sys.stdout.isatty() else WIDE).print(shown)


def print_class_scores(
    scores: ClassificationScores, names: Sequence[str], *, title: str = ""
) -> None:
    """Print the error of each class in percent, then the error over all images."""
    out = titled(title)
    table = columns("%", "error")
    for name, error in zip(names, scores.class_error, strict=True):
        table.add_row(cell(name), percent(error))
    out.print(table)
    means = _means()
    means.add_row("error", f"[bold]{percent(scores.error, 2)} %[/bold] of {scores.images} images")
    if scores.exact is not None:
        error = percent(scores.error_exact, 2)
        means.add_row("error on original pixels", f"{error} % of {scores.exact[1]}")
    out.print(means)
