"""Masks beside their images, with values listed in `_classes.csv`, as Roboflow writes them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import PurePosixPath

from contextseg.data.formats.dense import grey_values, shapes_of
from contextseg.data.formats.documents import read_text
from contextseg.data.formats.log import FormatError
from contextseg.data.formats.objects import Export, Item, Label, Shape, Size
from contextseg.data.formats.reading import Reading
from contextseg.data.formats.tree import Tree
from contextseg.data.mask_files import read_stored_mask
from contextseg.data.picture_files import ImageError
from contextseg.data.setup.path_words import split_of_path

_TABLE, _ENDING = "_classes.csv", "_mask.png"


def recognise(tree: Tree) -> bool:
    """Whether a tree holds files `_classes.csv`."""
    return bool(_tables(tree))


def _tables(tree: Tree) -> list[str]:
    """Tables; those of Roboflow's multi-label classification have a column per class instead."""
    tables = [name for name in tree.files(_TABLE) if PurePosixPath(name).name == _TABLE]
    return [name for name in tables
            if tree.head(name).lstrip("\ufeff").lower().startswith("pixel value")]  # fmt: skip


def read(tree: Tree, reading: Reading) -> Export:
    """Open an export; each folder with a `_classes.csv` is a split, as its name says.

    Raises:
        ValueError: a table is broken.
    """
    tables, labels = {}, dict[str, Label]()
    for name in _tables(tree):
        try:
            tables[name] = _names(read_text(tree.path(name)))
        except FormatError as error:
            raise ValueError(f"{tree.root / name}: {error}") from None
        for number, text in tables[name].items():
            known = labels.setdefault(text, Label(text, number))
            if known.id != number:
                labels[text] = Label(text, -1)  # two tables disagree: no id can be kept
    return Export(_items(tree, tables, reading), list(labels.values()))


def _names(text: str) -> dict[int, str]:
    found: dict[int, str] = {}
    rows = csv.reader(text.splitlines()[1:], skipinitialspace=True)
    for line, row in enumerate(_read(rows), 2):
        if not row:
            continue
        try:
            number, name = int(row[0]), row[1].strip()
        except (ValueError, IndexError):
            raise FormatError(f"line {line} is not a value and a class: {row!r:.60}") from None
        if not name or found.get(number, name) != name:
            raise FormatError(f"line {line}: value {number} needs one name")
        found[number] = name
    return found


def _read(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from rows
    except csv.Error as error:  # such as a cell of 100,000 letters
        raise FormatError(f"is no table: {error}") from None


def _items(tree: Tree, tables: dict[str, dict[int, str]], reading: Reading) -> Iterator[Item]:
    for table, names in tables.items():
        folder = PurePosixPath(table).parent.as_posix()
        files = tree.below(folder)
        photos = {name[: -len(PurePosixPath(name).suffix)]: name for name in files
                  if name in tree.images and not name.endswith(_ENDING)}  # fmt: skip
        masks = {name.removesuffix(_ENDING): name for name in files if name.endswith(_ENDING)}
        for stem in sorted(photos.keys() | masks.keys()):
            with reading.part(photos.get(stem) or masks[stem]):
                if stem not in masks:
                    raise FormatError(f"there is no mask {stem}{_ENDING}")
                if stem not in photos:
                    raise FormatError("there is no image for this mask")
                yield Item(
                    photos[stem], photos[stem], tree.path(photos[stem]),
                    lambda size, mask=masks[stem], names=names: _shapes(
                        tree, mask, names, size, reading
                    ),
                    None, split_of_path(table),
                )  # fmt: skip


def _shapes(
    tree: Tree, mask: str, names: dict[int, str], size: Size, reading: Reading
) -> Iterator[Shape]:
    try:
        values = grey_values(read_stored_mask(tree.path(mask)))
    except ImageError as error:
        raise FormatError(str(error)) from None
    yield from shapes_of(values, names, size, mask, reading)
