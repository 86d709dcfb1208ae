"""A table that can be written as HTML and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from contextseg.report.html import escape


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table."""

    text: str
    """What stands in it."""
    note: str = ""
    """Smaller text behind it, such as a difference."""
    tone: str = ""
    """CSS class of the cell: `better`, `worse`, `failed` or nothing."""
    best: bool = False
    """Whether it stands out among its neighbours."""
    span: int = 1
    """Columns that it takes; its row has fewer cells for it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A heading for each column, and rows whose first cell names them."""

    columns: Sequence[str]
    """Headings."""
    rows: Sequence[Sequence[Cell | str]]
    """Cells that take as many columns each as there are headings."""

    def html(self) -> str:
        """The table as HTML that scrolls sideways where it is too wide."""
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join(f"<tr>{''.join(map(_html, row))}</tr>" for row in self.rows)
        return (
            f'<div class="scroll"><table class="comparison"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )

    def markdown(self) -> str:
        """The table as Markdown, numbers flush right."""
        lines = [_line(self.columns), _line(["---", *["---:"] * (len(self.columns) - 1)])]
        return "\n".join([*lines, *(_line(row) for row in self.texts("**"))]) + "\n"

    def texts(self, strong: str = "") -> list[list[str]]:
        """The rows as plain texts, one a column; `strong` goes around what stands out."""
        return [
            list(chain.from_iterable(_texts(cell, strong) for cell in row)) for row in self.rows
        ]


def _html(cell: Cell | str) -> str:
    cell = Cell(cell) if isinstance(cell, str) else cell
    text = f"<b>{escape(cell.text)}</b>" if cell.best else escape(cell.text)
    note = f" <small>{escape(cell.note)}</small>" if cell.note else ""
    tone = f' class="{escape(cell.tone)}"' if cell.tone else ""
    span = f" colspan={cell.span}" if cell.span > 1 else ""
    return f"<td{tone}{span}>{text}{note}</td>"


def _texts(cell: Cell | str, strong: str) -> list[str]:
    """The cell, and empty ones for the further columns that it spans."""
    cell = Cell(cell) if isinstance(cell, str) else cell
    text = f"{strong}{cell.text}{strong}" if cell.best else cell.text
    return [f"{text} ({cell.note})" if cell.note else text] + [""] * (cell.span - 1)


def _line(cells: Iterable[str]) -> str:
    """A row of a Markdown table; nothing in a cell can end it early."""
    safe = (" ".join(cell.replace("|", "\\|").replace("<", "&lt;").split()) for cell in cells)
    return f"| {' | '.join(safe)} |"
