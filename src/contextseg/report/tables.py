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
    """Its spread, shown right after the text."""
    note: str = ""
    """Smaller text at the end, such as a difference."""
    tone: str = ""
    """CSS class of the cell: `better`, `worse`, `failed` or nothing."""
    best: bool = False
    """Whether to emphasise it."""
    span: int = 1
    """Number of columns it spans; its row then has fewer cells."""


@dataclass(frozen=True, slots=True)
class Table:
    """A heading for each column, and rows whose first cell is their name."""

    columns: Sequence[str]
    """Headings."""
    rows: Sequence[Sequence[Cell | str]]
    """Rows of cells; the spans of a row add up to the number of headings."""

    def html(self) -> Markup:
        """The table as HTML; it scrolls sideways if it is too wide.

        If a cell has a spread or a note, all cells of its column reserve room for it, so that
        digits stay aligned.
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
        """The table as Markdown, with numbers aligned right."""
        lines = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)], *self.texts("**")]
        return "".join(f"| {' | '.join(map(_safe, line))} |\n" for line in lines)

    def texts(self, strong: str = "") -> list[list[str]]:
        """The rows as plain text, one string per column; `strong` surrounds emphasised cells."""
        return [
            [text for _, cell in _placed(row) for text in _texts(cell, strong)] for row in self.rows
        ]


def _placed(row: Sequence[Cell | str]) -> Iterator[tuple[int, Cell]]:
    """The cells of a row, each with the index of its first column."""
    column = 0
    for given in row:
        cell = Cell(given) if isinstance(given, str) else given
        yield column, cell
        column += cell.span


def _texts(cell: Cell, strong: str) -> list[str]:
    """The text of a cell, followed by empty strings for the other columns that it spans."""
    text = f"{cell.text} {cell.spread}".rstrip()
    text = f"{strong}{text}{strong}" if cell.best else text
    return [f"{text} ({cell.note})" if cell.note else text] + [""] * (cell.span - 1)


def _safe(text: str) -> str:
    """Escape text so that it cannot end its cell early."""
    return markdown_line(text).replace("|", "\\|")
