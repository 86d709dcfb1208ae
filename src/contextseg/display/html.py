"""Elements of HTML for notebooks: escaped, without scripts and outside resources.

Colours come from the page around them, or are readable on white and on black, because a notebook
tells nobody whether it is light or dark. Where a page removes style sheets, what is left are plain
tables and lists.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from contextseg.system.terminal import printable

LONGEST = 80
"""Characters of a name or message that are shown."""

CLASS = "contextseg-view"
# The class is named twice, so that these rules win against those of notebooks for all tables.
STYLE = Markup("""\
<style>
.contextseg-view.contextseg-view { color: inherit; font-size: 13px; line-height: 1.5; max-width: 62em; text-align: left; }
.contextseg-view.contextseg-view .cs-title { font-weight: 600; font-size: 14px; overflow-wrap: anywhere; }
.contextseg-view.contextseg-view .cs-soft { opacity: .72; font-weight: 400; }
.contextseg-view.contextseg-view .cs-row { display: flex; flex-wrap: wrap; gap: .3em 1.3em; margin: .35em 0; align-items: flex-start; }
.contextseg-view.contextseg-view .cs-big { font-size: 19px; font-weight: 600; line-height: 1.25; display: block; }
.contextseg-view.contextseg-view .cs-scroll { max-height: 25em; overflow: auto; display: inline-block; max-width: 100%; }
.contextseg-view.contextseg-view table { border-collapse: collapse; margin: .3em 0; border: 0; font-size: 12px; background: none; font-variant-numeric: tabular-nums; }
.contextseg-view.contextseg-view table tr:nth-child(n) { background: none; }
.contextseg-view.contextseg-view table tr > :nth-child(n) { border: 0; border-bottom: 1px solid rgba(128, 128, 128, .3); padding: .18em .7em; text-align: right; vertical-align: middle; white-space: nowrap; }
.contextseg-view.contextseg-view table tr > :first-child { text-align: left; padding-left: .1em; }
.contextseg-view.contextseg-view table tr > .cs-words { text-align: left; }
.contextseg-view.contextseg-view table thead th { font-weight: 600; opacity: .72; }
.contextseg-view.contextseg-view table tfoot td { font-weight: 600; border-top: 1px solid rgba(128, 128, 128, .7); border-bottom: 0; }
.contextseg-view.contextseg-view .cs-swatch { display: inline-block; width: .85em; height: .85em; border-radius: 3px; margin-right: .45em; vertical-align: -.08em; box-shadow: inset 0 0 0 1px rgba(128, 128, 128, .65); }
.contextseg-view.contextseg-view .cs-track { display: inline-block; width: 9em; height: .6em; border-radius: 3px; background: rgba(128, 128, 128, .22); vertical-align: middle; overflow: hidden; }
.contextseg-view.contextseg-view .cs-track > i { display: block; height: 100%; background: #3f8fd2; }
.contextseg-view.contextseg-view figure { margin: .3em 0 0; max-width: 100%; }
.contextseg-view.contextseg-view figure img { display: block; max-width: 100%; height: auto; margin: 0; border-radius: 4px; }
.contextseg-view.contextseg-view figcaption { font-size: 11px; opacity: .72; overflow-wrap: anywhere; max-width: 32em; }
</style>
""")


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
    return str(Markup('{}<div class="{}">\n{}\n</div>').format(STYLE, CLASS, inside))


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
    return Markup(
        '<div class="cs-scroll"><table>{}<tbody>\n{}\n</tbody>{}</table></div>'
    ).format(head, body, last)


def picture(address: str, caption: object) -> Markup:
    """A picture from a data address (`display.pictures`) with its caption below."""
    return Markup('<figure><img src="{}" alt="{}"><figcaption>{}</figcaption></figure>').format(
        address, text(caption), text(caption)
    )
