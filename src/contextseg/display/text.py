"""Tables of plain text."""

from __future__ import annotations

from collections.abc import Sequence


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, words: Sequence[int] = ()
) -> str:
    """Lines with a heading; the first column is aligned left, the others right.

    Args:
        columns: headings.
        rows: cells, as many as there are headings.
        words: numbers of further columns to align left.
    """
    lines = [list(columns), *map(list, rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    left = {0, *words}
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index in left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
