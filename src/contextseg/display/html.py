"""Elements of HTML for notebooks: escaped, without scripts and outside resources.

Colours come from the page around them, or are readable on white and on black, because a notebook
tells nobody whether it is light or dark. Where a page removes style sheets, what is left are plain
tables and lists.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

from markupsafe import Markup, escape

from contextseg.system.terminal import printable

LONGEST = 80
"""Characters of a name or message that are shown."""


@cache
def style() -> Markup:
    """The style sheet of all views, as an element."""
    rules = resources.files("contextseg.display").joinpath("view.css").read_text(encoding="utf-8")
    plain = re.sub(r"/\*.*?\*/", "", rules, flags=re.DOTALL)
    return Markup(f"<style>{' '.join(plain.split())}</style>")


def view(title: object, *parts: Markup, note: object = "") -> str:
    """A whole view: what the object is, and parts below.

    Args:
        title: plain text.
        parts: HTML of this module.
        note: plain text beside the title.
    """
    head = Markup('<div class="cs-title">{} <span class="cs-soft">{}</span></div>').format(
        text(title), text(note, 4 * LONGEST)
    )
    inside = Markup("\n").join([head, *(part for part in parts if part)])
    return str(Markup('{}<div class="contextseg">\n{}\n</div>').format(style(), inside))


def text(value: object, longest: int = LONGEST) -> Markup:
    """Untrusted text, escaped, on one line, without control characters, and shortened."""
    if isinstance(value, Markup):
        return value
    return escape(short(value, longest))


def short(value: object, longest: int = LONGEST) -> str:
    """Untrusted text on one line, without control characters, shortened to `longest` characters."""
    line = printable(" ".join(str(value)[: 8 * longest].split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"


def row(parts: Iterable[Markup]) -> Markup:
    """Parts side by side where there is room."""
    return Markup('<div class="cs-row">{}</div>').format(Markup("\n").join(parts))


def line(value: object) -> Markup:
    """A line of plain text, less prominent."""
    return Markup('<div class="cs-soft">{}</div>').format(text(value, 4 * LONGEST))


def figures(values: Iterable[tuple[object, object]]) -> Markup:
    """Main results: a name and a value each."""
    return row(
        Markup('<span><span class="cs-soft">{}</span><span class="cs-big">{}</span></span>').format(
            text(name), text(value)
        )
        for name, value in values
    )


def swatch(color: Sequence[int]) -> Markup:
    """A square of a colour: red, green and blue, each 0 to 255."""
    red, green, blue = (int(channel) for channel in color)
    return Markup('<i class="cs-swatch" style="background:rgb({},{},{})"></i>').format(
        red, green, blue
    )


def bar(share: float | None) -> Markup:
    """A bar for a share in 0 to 1; nothing if it is undefined."""
    if share is None or not math.isfinite(share):
        return Markup()
    width = f"{100 * min(1.0, max(0.0, share)):.1f}"
    return Markup('<span class="cs-track"><i style="width:{}%"></i></span>').format(width)


def table(
    columns: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    foot: Sequence[object] = (),
    words: Sequence[int] = (),
) -> Markup:
    """A table that scrolls if it is long; its first column is aligned left.

    Args:
        columns: headings.
        rows: plain text, or HTML of this module.
        foot: last row, emphasised.
        words: numbers of further columns to align left.
    """

    def cells(tag: str, values: Sequence[object]) -> Markup:
        kinds = (' class="cs-words"' if index in words else "" for index in range(len(values)))
        return Markup("<tr>{}</tr>").format(
            Markup().join(
                Markup(f"<{tag}{kind}>{{}}</{tag}>").format(text(value))
                for kind, value in zip(kinds, values, strict=True)
            )
        )

    head = Markup("<thead>{}</thead>").format(cells("th", columns)) if columns else Markup()
    body = Markup("\n").join(cells("td", values) for values in rows)
    last = Markup("<tfoot>{}</tfoot>").format(cells("td", foot)) if foot else Markup()
    return Markup('<div class="cs-scroll"><table>{}<tbody>\n{}\n</tbody>{}</table></div>').format(
        head, body, last
    )


def picture(address: str, caption: object) -> Markup:
    """A picture from a data address (`display.pictures`) with its caption below."""
    return Markup('<figure><img src="{}" alt="{}"><figcaption>{}</figcaption></figure>').format(
        address, text(caption), text(caption)
    )
