"""Label Studio JSON: polygons, brushes and rectangles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from contextseg.data.formats.bit_runs import decode_brush, encode_brush
from contextseg.data.formats.documents import read_json, require, stated_size
from contextseg.data.formats.drawing import Picture, Plan
from contextseg.data.formats.log import FormatError
from contextseg.data.formats.objects import Export, Item, Region, Shape, Size
from contextseg.data.formats.rasterise import mask_region, polygon_region, ring
from contextseg.data.formats.reading import Reading
from contextseg.data.formats.splits import split_name
from contextseg.data.formats.tree import Tree
from contextseg.data.setup.path_words import split_of_path
from contextseg.system.atomic_files import write_text

_KINDS = {"polygonlabels": "polygon", "brushlabels": "brush", "rectanglelabels": "rectangle",
          "polygon": "polygon", "brush": "brush", "rectangle": "rectangle"}  # fmt: skip
_NO_SHAPES = ("labels", "choices", "textarea", "rating", "number", "taxonomy", "relation")
"""Results that say something of the image or of another result, and have no pixels."""


def recognise(tree: Tree) -> bool:
    """Whether a tree holds tasks of Label Studio as JSON."""
    return bool(_documents(tree))


def _documents(tree: Tree) -> list[str]:
    heads = ((name, tree.head(name)) for name in tree.files(".json"))
    return [name for name, head in heads
            if head.lstrip("\ufeff \t\r\n").startswith("[")
            and re.search(r'"(annotations|completions)"\s*:', head)
            and re.search(r'"(result|data|created_username)"\s*:', head)]  # fmt: skip


def read(tree: Tree, reading: Reading) -> Export:
    """Open an export: all tasks of its JSON files."""
    return Export(_items(tree, reading))


def _items(tree: Tree, reading: Reading) -> Iterator[Item]:
    for name in _documents(tree):
        tasks: list[Any] = []
        with reading.part(name):
            tasks = require(read_json(tree.path(name)), list, "the content")
        for position, task in enumerate(tasks):
            called = task.get("id", position) if isinstance(task, dict) else position
            where = f"{name}: task {called}"
            with reading.part(where):
                task = require(task, dict, "it")
                results = _results(task, where, reading)
                if results is None:
                    reading.log.note(f"{where} is not labelled yet, so its image is left out.")
                    continue
                data = require(task.get("data"), dict, "its data")
                found, path = _image(tree, data)
                split = data.get("split")
                yield Item(
                    where, found, path,
                    lambda size, results=results, where=where: _shapes(
                        results, size, where, reading
                    ),
                    _stated(results),
                    (split_name(split) or split) if isinstance(split, str) else
                    split_of_path(found),
                )  # fmt: skip


def _results(task: dict[str, Any], where: str, reading: Reading) -> list[Any] | None:
    """The results of the first annotation that was not cancelled."""
    entries = task.get("annotations", task.get("completions"))
    entries = [entry for entry in require(entries, list, "annotations")
               if isinstance(entry, dict) and not entry.get("was_cancelled")]  # fmt: skip
    if not entries:
        return None
    if len(entries) > 1:
        reading.log.note(f"{where} has {len(entries)} annotations, of which the first counts.")
    return require(entries[0].get("result", []), list, "result")


def _image(tree: Tree, data: dict[str, Any]) -> tuple[str, Any]:
    """The image of a task: the value of `image`, or the only one that names an image file."""
    texts = {key: value for key, value in data.items() if isinstance(value, str) and key != "split"}
    reference = texts.get("image") or next(iter(texts.values()), None)
    if reference is None:
        raise FormatError("names no image in its data")
    try:
        return tree.image(reference)
    except FormatError:
        # An uploaded file gets eight letters and a dash before its name.
        bare = re.sub(r"[0-9a-f]{8}-(?=[^/]+$)", "", reference)
        if bare == reference:
            raise
        return tree.image(bare)


def _stated(results: list[Any]) -> Size | None:
    sizes = (stated_size(entry.get("original_height"), entry.get("original_width"))
             for entry in results if isinstance(entry, dict))  # fmt: skip
    return next((size for size in sizes if size is not None), None)


def _shapes(results: list[Any], size: Size, where: str, reading: Reading) -> Iterator[Shape]:
    labels = {entry.get("id"): entry["value"]["labels"] for entry in results
              if isinstance(entry, dict) and entry.get("type") == "labels"
              and isinstance(entry.get("value"), dict)
              and isinstance(entry["value"].get("labels"), list)
              and isinstance(entry.get("id"), str)}  # fmt: skip
    for position, entry in enumerate(results):
        with reading.part(f"{where}: result {position}"):
            entry = require(entry, dict, "it")
            kind = entry.get("type")
            if kind in _NO_SHAPES:
                continue
            if not isinstance(kind, str) or kind not in _KINDS:
                raise FormatError(f"is of the kind {kind!r:.40}, which has no pixels here")
            value = require(entry.get("value"), dict, "its value")
            names = value.get(kind) or value.get("labels") or labels.get(str(entry.get("id")))
            if not isinstance(names, list) or not names or not isinstance(names[0], str):
                raise FormatError("has no label")
            if entry.get("image_rotation"):
                raise FormatError("its image was rotated in Label Studio")
            yield Shape(names[0], _region(_KINDS[kind], value, size, reading))


def _region(kind: str, value: dict[str, Any], size: Size, reading: Reading) -> Region:
    percent = np.array([size[1], size[0]]) / 100
    if kind == "polygon":
        return polygon_region([ring(value.get("points")) * percent], size)
    if kind == "brush":
        if value.get("format") != "rle":
            raise FormatError(f"a brush of the format {value.get('format')!r:.40}, not rle")
        return mask_region(decode_brush(value.get("rle"), size))
    if value.get("rotation"):
        raise FormatError("is a rotated box")
    left, top, width, height = ring(
        [value.get(key) for key in ("x", "y", "width", "height")] + [0, 0]
    ).ravel()[:4]
    (x0, y0), (x1, y1) = percent * (left, top), percent * (left + width, top + height)
    return reading.box(x0, y0, x1, y1, size)


def write(pictures: Iterable[Picture], folder: Path, plan: Plan) -> None:
    """Write `tasks.json`, `label_config.xml` and `images/SPLIT`.

    Tasks name images as Label Studio's local files do, relative to its document root.
    """
    tasks = []
    for number, picture in enumerate(pictures, 1):
        file = f"images/{picture.split}/{picture.name}{picture.suffix}"
        plan.place(picture, folder / file)
        results = [{"id": f"{number}_{position}", **result}
                   for position, result in enumerate(_written(picture, plan))]  # fmt: skip
        tasks.append({
            "id": number,
            "data": {"image": f"/data/local-files/?d={quote(file)}", "split": picture.split},
            "annotations": [{"result": results, "was_cancelled": False}],
        })  # fmt: skip
    write_text(folder / "tasks.json", json.dumps(tasks, ensure_ascii=False))
    kind = "Polygon" if plan.shapes == "polygons" else "Brush"
    labels = "".join(
        f"\n    <Label value={quoteattr(plan.name(label))}/>" for label in plan.labels()
    )
    write_text(
        folder / "label_config.xml",
        f'<View>\n  <Image name="image" value="$image"/>\n'
        f'  <{kind}Labels name="label" toName="image">{labels}\n  </{kind}Labels>\n</View>\n',
    )


def _written(picture: Picture, plan: Plan) -> Iterator[dict[str, Any]]:
    rows, columns = picture.labels.shape
    common = {"from_name": "label", "to_name": "image", "original_width": columns,
              "original_height": rows, "image_rotation": 0}  # fmt: skip
    if plan.shapes == "polygons":
        percent = 100 / np.array([columns, rows])
        for label, corners in plan.polygons(picture):
            value = {"points": (corners * percent).tolist(), "closed": True,
                     "polygonlabels": [plan.name(label)]}  # fmt: skip
            yield {"type": "polygonlabels", "value": value, **common}
        return
    for label, mask in plan.masks(picture):
        value = {"format": "rle", "rle": encode_brush(mask), "brushlabels": [plan.name(label)]}
        yield {"type": "brushlabels", "value": value, **common}
