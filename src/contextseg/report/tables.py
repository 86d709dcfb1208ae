"""A table that can be written as HTML and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from contextseg.report.rendering import markdown_line, render


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table."""

    text: str
    """Its text."""
    spread: str = ""
    """Its spread, shown right after it."""
    note: str = ""
    """Smaller text after it, such as a difference."""
    tone: str = ""
    """CSS class of the cell: `better`, `worse`, `failed` or nothing."""
    best: bool = False
    """Whether it stands out among its neighbours."""
    span: int = 1
    """Number of columns it spans; its row has correspondingly fewer cells."""


@dataclass(frozen=True, slots=True)
class Table:
    """A heading for each column, and rows whose first cell names them."""

    columns: Sequence[str]
    """Headings."""
    rows: Sequence[Sequence[Cell | str]]
    """Cells that take as many columns each as there are headings."""

    def html(self) -> Markup:
        """The table as HTML that scrolls sideways where it is too wide.

        Where a cell has something behind its text, all of its column have room for it: digits stay
        below one another.
        """
        placed = [list(_placed(row)) for row in self.rows]
        slots = [
            {
                name: any(getattr(cell, name) for row in placed for at, cell in row if at == column)
                for name in ("spread", "note")
            }
            for column in range(len(self.columns))
        ]
        none = dict.fromkeys(("spread", "note"), False)
        rows = [
            [(cell, slots[at] if cell.span == 1 else none) for at, cell in row] for row in placed
        ]
        return render("table.html", table=self, rows=rows)

    def markdown(self) -> str:
        """The table as Markdown, numbers flush right."""
        lines = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)], *self.texts("**")]
        return "".join(f"| {' | '.join(map(_safe, line))} |\n" for line in lines)

    def texts(self, strong: str = "") -> list[list[str]]:
        """The rows as plain texts, one a column; `strong` goes around what stands out."""
        return [
            [text for _, cell in _placed(row) for text in _texts(cell, strong)] for row in self.rows
        ]


def _placed(row: Sequence[Cell | str]) -> Iterator[tuple[int, Cell]]:
    """The cells of a row, each with the number of its first column."""
    column = 0
    for given in row:
        cell = Cell(given) if isinstance(given, str) else given
        yield column, cell
        column += cell.span


def _texts(cell: Cell, strong: str) -> list[str]:
    """The cell, and empty ones for the further columns that it spans."""
    text = f"{cell.text} {cell.spread}".rstrip()
    text = f"{strong}{text}{strong}" if cell.best else text
    return [f"{text} ({cell.note})" if cell.note else text] + [""] * (cell.span - 1)


def _safe(text: str) -> str:
    """Text that cannot end its cell early."""
    return markdown_line(text).replace("|", "\\|")
