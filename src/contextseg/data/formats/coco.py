"""COCO JSON: polygons, compressed and uncompressed run lengths, crowds."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from contextseg.data.formats.documents import read_json, require, stated_size
from contextseg.data.formats.drawing import Picture, Plan, ring_area
from contextseg.data.formats.log import FormatError, Log
from contextseg.data.formats.objects import IGNORE_NAME, Export, Item, Label, Region, Shape, Size
from contextseg.data.formats.rasterise import mask_region, polygon_region, ring
from contextseg.data.formats.reading import Reading
from contextseg.data.formats.splits import split_name
from contextseg.data.formats.tree import Tree
from contextseg.data.run_lengths import decode_run_lengths, encode_run_lengths
from contextseg.data.setup.path_words import split_of_path
from contextseg.system.atomic_files import write_text

_LIST = re.compile(r'"(images|annotations|categories)"\s*:\s*\[')
_KEY = re.compile(r'"(file_name|image_id|category_id|supercategory|coco_url)"')


def recognise(tree: Tree) -> bool:
    """Whether a tree holds COCO JSON with images, not only panoptic segments."""
    return bool(_documents(tree))


def _documents(tree: Tree) -> list[str]:
    heads = ((name, tree.head(name)) for name in tree.files(".json"))
    return [name for name, head in heads if head.lstrip("\ufeff \t\r\n").startswith("{")
            and _LIST.search(head) and _KEY.search(head)]  # fmt: skip


def read(tree: Tree, reading: Reading) -> Export:
    """Open an export; every JSON file in it is a split, as its name or folder says."""
    documents, labels = [], dict[str, Label]()
    for name in _documents(tree):
        with reading.part(name):
            document = require(read_json(tree.path(name)), dict, "the content")
            categories = _categories(document.get("categories", []), name, reading.log)
            documents.append((name, document, categories))
            for number, text in categories.items():
                known = labels.setdefault(text, Label(text, number))
                if known.id != number:
                    labels[text] = Label(text, -1)  # two files disagree: no id can be kept
    return Export(_items(tree, documents, reading), list(labels.values()), has_order=False)


def _categories(entries: Any, where: str, log: Log) -> dict[int, str]:
    """Names by id; unusable categories are reported."""
    found: dict[int, str] = {}
    clashing = set[int]()
    for position, entry in enumerate(require(entries, list, "categories")):
        place = f"{where}: category {position}"
        try:
            entry = require(entry, dict, "it")
            number = require(entry.get("id"), int, "its id")
            name = entry.get("name")
            if not isinstance(name, str) or not name.strip():
                raise FormatError(f"has no name (id {number}); its objects are left out")
            if found.get(number, name) != name:
                clashing.add(number)
                raise FormatError(
                    f"{name!r} and {found[number]!r} have the same id {number}; their objects are "
                    f"left out"
                )
            found[number] = name
        except FormatError as error:
            log.skip(place, error)
    return {number: name for number, name in found.items() if number not in clashing}


def _items(
    tree: Tree, documents: list[tuple[str, dict[str, Any], dict[int, str]]], reading: Reading
) -> Iterator[Item]:
    seen = set[tuple[str | None, str]]()
    for name, document, categories in documents:
        split = split_name(PurePosixPath(name).stem) or split_of_path(name)
        with reading.part(name):
            images = require(document.get("images", []), list, "images")
            annotations = require(document.get("annotations", []), list, "annotations")
            by_image = _by_image(annotations, images, name, reading.log)
            for position, entry in enumerate(images):
                called = entry.get("file_name", position) if isinstance(entry, dict) else position
                where = f"{name}: image {called}"
                with reading.part(where):
                    number = require(require(entry, dict, "it").get("id"), (int, str), "its id")
                    if number not in by_image:
                        continue  # clashes, which has been reported
                    reference = require(entry.get("file_name"), str, "its file_name")
                    found, path = _image(tree, reference, name, split)
                    if (split, found) in seen:
                        raise FormatError("is listed twice; the first entry counts")
                    seen.add((split, found))
                    mine = by_image[number]
                    yield Item(
                        where, found, path,
                        lambda size, mine=mine, names=categories, where=where: _shapes(
                            mine, size, names, where, reading
                        ),
                        stated_size(entry.get("height"), entry.get("width")), split,
                    )  # fmt: skip


def _image(tree: Tree, reference: str, document: str, split: str | None) -> tuple[str, Any]:
    """An image below the folder of its document, or below `images` or `train2017` beside it."""
    here = PurePosixPath(document).parent
    names = ["", "images", *([split, f"images/{split}"] if split else [])]
    near = [(base / name).as_posix() for base in (here, here.parent) for name in names]
    return tree.image(reference, *dict.fromkeys(near))


def _by_image(
    annotations: list[Any], images: list[Any], where: str, log: Log
) -> dict[int | str, list[tuple[str, dict[str, Any]]]]:
    """Annotations of each image, with what they are called in messages."""
    numbers = [entry.get("id") for entry in images if isinstance(entry, dict)]
    ids = Counter(number for number in numbers if isinstance(number, int | str))
    found: dict[Any, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for number, times in ids.items():
        if times == 1:
            found[number] = []
        else:
            log.skip(f"{where}: image id {number}", f"{times} images have this id; all left out")
    for position, entry in enumerate(annotations):
        if not isinstance(entry, dict):
            log.skip(f"{where}: annotation {position}", f"is no object: {entry!r:.60}")
            continue
        called = f"annotation {entry.get('id', position)}"
        number = entry.get("image_id")
        if isinstance(number, int | str) and number in found:
            found[number].append((called, entry))
        elif not isinstance(number, int | str) or number not in ids:
            log.skip(f"{where}: {called}", f"there is no image {number!r:.60}")
        else:
            log.skip(f"{where}: {called}", f"image {number!r:.60} is left out")
    return dict(found)


def _shapes(
    annotations: list[tuple[str, dict[str, Any]]],
    size: Size,
    categories: dict[int, str],
    where: str,
    reading: Reading,
) -> Iterator[Shape]:
    for called, entry in annotations:
        with reading.part(f"{where}: {called}"):
            number = entry.get("category_id")
            if not isinstance(number, int) or number not in categories:
                raise FormatError(f"there is no category {number!r:.60}")
            name = categories[number]
            is_crowd = bool(entry.get("iscrowd", 0))
            if is_crowd and reading.crowds == "ignore":
                name = IGNORE_NAME
            yield Shape(name, _region(entry, size, reading, f"{where}: {called}"))


def _region(entry: dict[str, Any], size: Size, reading: Reading, where: str) -> Region:
    content = entry.get("segmentation")
    if isinstance(content, dict):
        return mask_region(_decoded(content, size))
    if content:
        return _union(require(content, list, "its segmentation"), size, reading, where)
    box = entry.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise FormatError("has neither a segmentation nor a box")
    left, top, width, height = ring([*box, 0, 0]).ravel()[:4]
    return reading.box(left, top, left + width, top + height, size)


def _decoded(content: dict[str, Any], size: Size) -> np.ndarray:
    stated = content.get("size")
    if not isinstance(stated, list) or stated != list(size):
        raise FormatError(
            f"run lengths of the size {stated!r:.60}, where the image has {list(size)}"
        )
    counts = content.get("counts")
    if not isinstance(counts, list | str):
        raise FormatError(f"its counts must be a list or text, got {type(counts).__name__}")
    try:
        return decode_run_lengths(counts, size)
    except ValueError as error:
        raise FormatError(f"its run lengths cannot be decoded: {error}") from None


def _union(polygons: list[Any], size: Size, reading: Reading, where: str) -> Region:
    """All polygons of an object; broken ones are reported if another one is left."""
    mask = np.zeros(size, np.bool_)
    errors = []
    for position, points in enumerate(polygons):
        try:
            region = polygon_region([ring(points)], size)
        except FormatError as error:
            errors.append((position, error))
            continue
        rows, columns = region.pixels.shape
        mask[region.top : region.top + rows, region.left : region.left + columns] |= region.pixels
    if len(errors) == len(polygons):
        raise errors[0][1]
    for position, error in errors:
        reading.log.skip(f"{where}, polygon {position}", error)
    return mask_region(mask)


def write(pictures: Iterable[Picture], folder: Path, plan: Plan) -> None:
    """Write `images/SPLIT` and `annotations/instances_SPLIT.json`.

    With masks, each class of an image is one annotation of compressed run lengths; with polygons,
    each connected part is one.
    """
    images, annotations = defaultdict[str, list[Any]](list), defaultdict[str, list[Any]](list)
    for picture in pictures:
        file = f"{picture.name}{picture.suffix}"
        plan.place(picture, folder / "images" / picture.split / file)
        rows, columns = picture.labels.shape
        number = len(images[picture.split]) + 1
        images[picture.split].append(
            {"id": number, "file_name": file, "height": rows, "width": columns}
        )
        for label, content, area, box in _written(picture, plan):
            annotations[picture.split].append({
                "id": len(annotations[picture.split]) + 1, "image_id": number,
                "category_id": plan.id(label), "segmentation": content, "area": area,
                "bbox": box, "iscrowd": 0,
            })  # fmt: skip
    categories = [{"id": plan.id(label), "name": plan.name(label)} for label in plan.labels()]
    for split, entries in images.items():
        document = {
            "images": entries, "annotations": annotations[split], "categories": categories
        }  # fmt: skip
        write_text(
            folder / "annotations" / f"instances_{split}.json",
            json.dumps(document, ensure_ascii=False),
        )


def _written(picture: Picture, plan: Plan) -> Iterator[tuple[int, Any, float, list[float]]]:
    """Label, segmentation, area and box of each annotation."""
    if plan.shapes == "polygons":
        for label, ring in plan.polygons(picture):
            low, high = ring.min(0), ring.max(0)
            yield label, [ring.ravel().tolist()], ring_area(ring), [*low, *(high - low)]
        return
    for label, mask in plan.masks(picture):
        region = mask_region(mask)
        rows, columns = region.pixels.shape
        content = {"size": list(mask.shape), "counts": encode_run_lengths(mask)}
        yield label, content, int(mask.sum()), [region.left, region.top, columns, rows]
