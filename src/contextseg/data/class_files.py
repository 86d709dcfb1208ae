"""The files in which annotation tools leave the names and colours of their classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from contextseg.config.labels import IGNORED
from contextseg.data.classes import Classes, ClassInfo, Color
from contextseg.data.text_files import read_lines
from contextseg.data.wording import quoted

EXAMPLE = """{
  "ignore_label": 255,
  "classes": [
    {"id": 0, "name": "background", "color": [0, 0, 0]},
    {"id": 1, "name": "road", "color": [128, 64, 128]}
  ]
}"""
"""A short classes.json."""

_IGNORED_NAMES = ("__ignore__", "ignore", "ignored", "void", "border")
BORDER: Color = (224, 224, 192)
"""Colour of ignored pixels in VOC's masks, which tools take over."""


def own_class_file(root: Path) -> Path | None:
    """The file with a folder's own classes, the first of `READERS` that is there; else None."""
    return next((root / name for name in READERS if (root / name).exists()), None)


def read_own_classes(root: Path) -> Classes | None:
    """The classes that a folder names in a file of its own; None without such a file.

    Raises:
        ValueError: the file violates its format; the message names it.
    """
    path = own_class_file(root)
    return None if path is None else READERS[path.name](path)


def require_own_classes(root: Path) -> Classes:
    """The classes that a folder names in a file of its own; without a name, they get the folder's.

    Raises:
        ValueError: there is no such file, or it violates its format.
    """
    classes = read_own_classes(root)
    if classes is None:
        raise ValueError(
            f"{root / 'classes.json'}: there is no such file. It defines the ids in the masks. "
            f"`contextseg data init {quoted(root)}` writes it from what the masks hold; or write "
            f"it like this, with an entry for each class:\n{EXAMPLE}"
        )
    return replace(classes, dataset=classes.dataset or root.resolve().name)


def read_labelmap(path: Path) -> Classes:
    """Classes of CVAT's labelmap.txt: lines `name:red,green,blue:parts:actions`, ids in order.

    Raises:
        ValueError: a line has another form, or there are no classes; the message names both.
    """
    entries: list[tuple[str, Color | None]] = []
    for number, line in enumerate(read_lines(path), start=1):
        if line.startswith("#"):
            continue
        fields = line.split(":")
        colour = _colour(fields[1]) if len(fields) > 1 else None
        if len(fields) < 2 or not fields[0].strip() or (fields[1].strip() and colour is None):
            raise ValueError(
                f"{path}: entry {number}, {line!r}, is not of the form "
                f"name:red,green,blue:parts:actions."
            )
        entries.append((fields[0].strip(), colour))
    return _classes(path, entries)


def read_class_names(path: Path) -> Classes:
    """Classes of labelme's class_names.txt: one name a line, ids in order.

    A first line `__ignore__` stands for ignored pixels and has no id.

    Raises:
        ValueError: a name occurs twice, or there is none; the message names the file.
    """
    names = [name for name in read_lines(path) if name != _IGNORED_NAMES[0]]
    return _classes(path, [(name, None) for name in names])


READERS: dict[str, Callable[[Path], Classes]] = {
    "classes.json": Classes.read,
    "labelmap.txt": read_labelmap,
    "class_names.txt": read_class_names,
}
"""Files of classes by name, in the order in which they are looked for, and what reads them."""


def _classes(path: Path, entries: list[tuple[str, Color | None]]) -> Classes:
    classes, ignored = [], []
    if len(entries) > IGNORED:
        raise ValueError(f"{path}: lists {len(entries)} classes, but {IGNORED} is the most.")
    for number, (name, colour) in enumerate(entries):
        info = ClassInfo(number, name, colour or _voc_colour(number))
        (ignored if name.lower() in _IGNORED_NAMES else classes).append(info)
    if not any(info.color == BORDER for info in classes + ignored):
        ignored.append(ClassInfo(IGNORED, "border", BORDER))
    try:
        return Classes(path.resolve().parent.name, tuple(classes), tuple(ignored))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _colour(text: str) -> Color | None:
    parts = text.split(",")
    if len(parts) != 3 or not all(
        part.strip().isascii() and part.strip().isdigit() for part in parts
    ):
        return None
    red, green, blue = map(int, parts)
    return (red, green, blue) if max(red, green, blue) <= 255 else None


def _voc_colour(number: int) -> Color:
    """Colour of an id in VOC's palette, which annotation tools use: three bits a round."""
    colour = [0, 0, 0]
    for place in range(7, -1, -1):
        for channel in range(3):
            colour[channel] |= (number >> channel & 1) << place
        number >>= 3
    return colour[0], colour[1], colour[2]
