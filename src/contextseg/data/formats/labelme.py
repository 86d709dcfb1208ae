"""LabelMe JSON: one file per image, with polygons, masks and rectangles."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from contextseg.data.formats.documents import read_json, require, stated_size
from contextseg.data.formats.drawing import Picture, Plan
from contextseg.data.formats.embedded import png_text, png_values
from contextseg.data.formats.log import FormatError
from contextseg.data.formats.objects import Export, Item, Region, Shape, Size
from contextseg.data.formats.rasterise import placed_region, polygon_region, ring
from contextseg.data.formats.reading import Reading
from contextseg.data.formats.tree import Tree
from contextseg.data.setup.path_words import split_of_path
from contextseg.system.atomic_files import write_text

_KEYS = re.compile(r'"(imagePath|imageData|shape_type|flags|points)"')


def recognise(tree: Tree) -> bool:
    """Whether a tree holds LabelMe's JSON files."""
    return bool(_documents(tree))


def _documents(tree: Tree) -> list[str]:
    return [name for name in tree.files(".json") if _is_ours(tree.head(name))]


def _is_ours(head: str) -> bool:
    starts = head.lstrip("\ufeff \t\r\n").startswith("{")
    return starts and '"shapes"' in head and _KEYS.search(head) is not None


def read(tree: Tree, reading: Reading) -> Export:
    """Open an export; images without a JSON file are not labelled yet and are left out."""
    return Export(_items(tree, _documents(tree), reading))


def _items(tree: Tree, names: list[str], reading: Reading) -> Iterator[Item]:
    stems = {PurePosixPath(name).with_suffix("") for name in names}
    bare = {name for name in tree.images if PurePosixPath(name).with_suffix("") not in stems}
    for name in names:
        with reading.part(name):
            document = require(read_json(tree.path(name)), dict, "the content")
            shapes = require(document.get("shapes"), list, "shapes")
            reference, picture = _picture(tree, document, name)
            bare.discard(reference)
            yield Item(
                name, reference, picture,
                lambda size, shapes=shapes, name=name: _shapes(shapes, size, name, reading),
                stated_size(document.get("imageHeight"), document.get("imageWidth")),
                split_of_path(name),
            )  # fmt: skip
    if bare and tree.only is None:
        reading.log.note(f"{len(bare)} images have no JSON file, so they are left out.")


def _picture(tree: Tree, document: dict[str, Any], name: str) -> tuple[str, Path | bytes]:
    """The image file, or else the image inside the JSON file."""
    reference = document.get("imagePath")
    try:
        reference = require(reference, str, "imagePath")
        return tree.image(reference, PurePosixPath(name).parent.as_posix())
    except FormatError:
        data = document.get("imageData")
        if not isinstance(data, str) or not data:
            raise
    try:
        return name, base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("its imageData is not base64") from None


def _shapes(shapes: list[Any], size: Size, where: str, reading: Reading) -> Iterator[Shape]:
    for position, entry in enumerate(shapes):
        with reading.part(f"{where}: shape {position}"):
            entry = require(entry, dict, "it")
            label = require(entry.get("label"), str, "its label")
            if not label.strip():
                raise FormatError("has an empty label")
            yield Shape(label, _region(entry, size, reading))


def _region(entry: dict[str, Any], size: Size, reading: Reading) -> Region:
    kind = entry.get("shape_type") or "polygon"
    points = require(entry.get("points"), list, "its points")
    if kind == "polygon":
        return polygon_region([ring(points)], size)
    if kind not in ("rectangle", "mask"):
        raise FormatError(f"is of the kind {kind!r:.40}, which has no defined pixels here")
    if len(points) != 2:
        raise FormatError(f"a {kind} of {len(points)} points; it needs two")
    (x0, y0), (x1, y1) = ring([*points, (0, 0)])[:2]
    if kind == "rectangle":
        return reading.box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1), size)
    pixels = png_values(require(entry.get("mask"), str, "its mask"), size)
    return placed_region(np.asarray(pixels) != 0, round(min(y0, y1)), round(min(x0, x1)), size)


def write(pictures: Iterable[Picture], folder: Path, plan: Plan) -> None:
    """Write `SPLIT/NAME.json` beside each image."""
    for picture in pictures:
        file = f"{picture.name}{picture.suffix}"
        plan.place(picture, folder / picture.split / file)
        document = {
            "version": "5.5.0", "flags": {}, "shapes": list(_written(picture, plan)),
            "imagePath": file, "imageData": None, "imageHeight": picture.labels.shape[0],
            "imageWidth": picture.labels.shape[1],
        }  # fmt: skip
        write_text(
            folder / picture.split / f"{picture.name}.json",
            json.dumps(document, ensure_ascii=False, indent=1),
        )


def _written(picture: Picture, plan: Plan) -> Iterator[dict[str, Any]]:
    common = {"group_id": None, "description": "", "flags": {}}
    if plan.shapes == "polygons":
        for label, corners in plan.polygons(picture):
            yield {"label": plan.name(label), "points": corners.tolist(),
                   "shape_type": "polygon", "mask": None, **common}  # fmt: skip
        return
    for label, region in plan.regions(picture):
        rows, columns = region.pixels.shape
        last = [region.left + columns - 1, region.top + rows - 1]
        yield {"label": plan.name(label), "points": [[region.left, region.top], last],
               "shape_type": "mask", "mask": png_text(region.pixels), **common}  # fmt: skip
