"""Supervisely projects: JSON with bitmaps and polygons, or masks of machine colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from contextseg.data.classes import Color
from contextseg.data.formats.dense import code, color_codes, shapes_of
from contextseg.data.formats.documents import read_json, require, stated_size
from contextseg.data.formats.embedded import png_values
from contextseg.data.formats.log import FormatError
from contextseg.data.formats.objects import Export, Item, Label, Region, Shape, Size
from contextseg.data.formats.rasterise import placed_region, polygon_region, ring
from contextseg.data.formats.reading import Reading
from contextseg.data.formats.tree import Tree
from contextseg.data.mask_files import read_stored_mask
from contextseg.data.picture_files import ImageError
from contextseg.data.setup.path_words import split_of_path

_NOTHING = "\0"
"""Stands for black, which is no object, while a mask is read."""
_COLORS, _META = "obj_class_to_machine_color.json", "meta.json"


def recognise(tree: Tree) -> bool:
    """Whether a tree holds a project, or its masks."""
    return bool(_tables(tree, _COLORS)) or bool(_tables(tree, _META) and tree.folders("ann"))


def _tables(tree: Tree, name: str) -> list[str]:
    return [path for path in tree.files(name) if PurePosixPath(path).name == name]


def read(tree: Tree, reading: Reading) -> Export:
    """Open a project: its masks if it has them, else its annotations.

    Raises:
        ValueError: the list of classes is broken, or there are several.
    """
    tables = _tables(tree, _COLORS) or _tables(tree, _META)
    if len(tables) != 1:
        raise ValueError(f"{tree.root}: holds {len(tables)} projects: import one of them.")
    try:
        content = require(read_json(tree.path(tables[0])), dict, "the content")
        if tables[0].endswith(_COLORS):
            colors = {name: _color(value) for name, value in content.items()}
            return Export(_masked(tree, colors, reading), [Label(name) for name in colors])
        labels = [_label(entry) for entry in require(content.get("classes"), list, "classes")]
    except FormatError as error:
        raise ValueError(f"{tree.root / tables[0]}: {error}") from None
    return Export(_annotated(tree, reading), labels)


def _color(value: Any) -> Color:
    if not isinstance(value, list) or len(value) != 3 or not all(
        isinstance(v, int) and 0 <= v <= 255 for v in value
    ):  # fmt: skip
        raise FormatError(f"a colour must be three numbers of 0 to 255, got {value!r:.40}")
    return value[0], value[1], value[2]


def _label(entry: Any) -> Label:
    title = require(require(entry, dict, "a class").get("title"), str, "the title of a class")
    text = entry.get("color")
    try:
        number = int(text[1:], 16) if isinstance(text, str) and len(text) == 7 else None
    except ValueError:
        number = None
    color = None if number is None else (number >> 16, number >> 8 & 255, number & 255)
    return Label(title, None, color)


def _masked(tree: Tree, colors: dict[str, Color], reading: Reading) -> Iterator[Item]:
    names = {code(color): name for name, color in colors.items()}
    for folder in tree.folders("masks_machine"):
        for mask in tree.below(folder):
            with reading.part(mask):
                stem = PurePosixPath(mask).name.removesuffix(".png")
                around = PurePosixPath(folder).parent
                photos = [
                    name
                    for name in tree.below((around / "img").as_posix())
                    if PurePosixPath(name).name == stem or PurePosixPath(name).stem == stem
                ]
                if len(photos) != 1:
                    raise FormatError(f"there are {len(photos)} images of this name")
                yield Item(
                    photos[0], photos[0], tree.path(photos[0]),
                    lambda size, mask=mask: _mask_shapes(tree, mask, names, size, reading),
                    None, split_of_path(photos[0]),
                )  # fmt: skip


def _mask_shapes(
    tree: Tree, mask: str, names: dict[int, str], size: Size, reading: Reading
) -> Iterator[Shape]:
    try:
        values = read_stored_mask(tree.path(mask)).values
    except ImageError as error:
        raise FormatError(str(error)) from None
    if values.ndim == 2:
        values = values[..., None].repeat(3, axis=2)
    named = names if 0 in names else {0: _NOTHING, **names}
    shapes = shapes_of(color_codes(values), named, size, mask, reading)
    yield from (shape for shape in shapes if shape.name != _NOTHING)


def _annotated(tree: Tree, reading: Reading) -> Iterator[Item]:
    for folder in tree.folders("ann"):
        around = PurePosixPath(folder).parent
        for name in tree.below(folder):
            if not name.lower().endswith(".json"):
                continue
            with reading.part(name):
                document = require(read_json(tree.path(name)), dict, "the content")
                objects = require(document.get("objects"), list, "objects")
                photo = around / "img" / PurePosixPath(name).name.removesuffix(".json")
                found, path = tree.image(photo.as_posix())
                stated = document.get("size")
                stated = stated if isinstance(stated, dict) else {}
                yield Item(
                    name, found, path,
                    lambda size, objects=objects, name=name: _shapes(objects, size, name, reading),
                    stated_size(stated.get("height"), stated.get("width")), split_of_path(name),
                )  # fmt: skip


def _shapes(objects: list[Any], size: Size, where: str, reading: Reading) -> Iterator[Shape]:
    for position, entry in enumerate(objects):
        with reading.part(f"{where}: object {position}"):
            title = require(require(entry, dict, "it").get("classTitle"), str, "its classTitle")
            yield Shape(title, _region(entry, size, reading))


def _region(entry: dict[str, Any], size: Size, reading: Reading) -> Region:
    kind = entry.get("geometryType")
    if kind == "bitmap":
        bitmap = require(entry.get("bitmap"), dict, "its bitmap")
        pixels = png_values(require(bitmap.get("data"), str, "its data"), size, packed=True) != 0
        left, top = ring([bitmap.get("origin"), (0, 0), (0, 0)])[0]
        return placed_region(pixels, round(top), round(left), size)
    if kind not in ("polygon", "rectangle"):
        raise FormatError(f"is of the kind {kind!r:.40}, which has no pixels here")
    points = require(entry.get("points"), dict, "its points")
    exterior = points.get("exterior")
    if kind == "rectangle":
        (x0, y0), (x1, y1) = ring([*require(exterior, list, "its exterior"), (0, 0)])[:2]
        return reading.box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1), size)
    interior = require(points.get("interior", []), list, "its interior")
    return polygon_region([ring(exterior), *map(ring, interior)], size)
