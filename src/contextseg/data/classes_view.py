"""The classes of a data set as a line of text, and in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from contextseg.display.html import short, swatch, table, text, view
from contextseg.display.numbers import counted

if TYPE_CHECKING:
    from contextseg.data.classes import Classes

NAMES = 5
"""Classes that a line names."""


def classes_line(classes: Classes) -> str:
    """`Classes` in a line: the data set, how many, and the first of them."""
    names = ", ".join(short(name, 40) for name in classes.names[:NAMES])
    more = ", ..." if classes.num_classes > NAMES else ""
    return f"Classes({title_of(classes)!r}, {counted(classes.num_classes, 'class')}: {names}{more})"


def classes_html(classes: Classes) -> str:
    """`Classes` as HTML: colours, ids and names."""
    note = counted(classes.num_classes, "class")
    return view(title_of(classes), legend(classes), note=note)


def legend(classes: Classes) -> Markup:
    """A table of the classes with their colours and ids, ignored ones last."""
    rows = [[swatch(info.color) + text(info.name), info.id] for info in classes.classes]
    rows += [
        [swatch(info.color) + text(f"{info.name} (ignored)"), info.id] for info in classes.ignored
    ]
    return table(["class", "id"], rows)


def title_of(classes: Classes) -> str:
    """What to call the data set."""
    return short(classes.dataset) or "data set"
