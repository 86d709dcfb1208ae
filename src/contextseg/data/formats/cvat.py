"""CVAT for images 1.1: one XML file with polygons, masks and boxes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from contextseg.config.labels import IGNORED
from contextseg.data.classes import Color
from contextseg.data.formats.bit_runs import decode_rows, encode_rows
from contextseg.data.formats.documents import read_xml, stated_size
from contextseg.data.formats.drawing import Picture, Plan
from contextseg.data.formats.log import FormatError
from contextseg.data.formats.objects import Export, Item, Label, Region, Shape, Size
from contextseg.data.formats.rasterise import placed_region, polygon_region, ring
from contextseg.data.formats.reading import Reading
from contextseg.data.formats.splits import split_name
from contextseg.data.formats.tree import Tree
from contextseg.data.setup.path_words import split_of_path
from contextseg.system.atomic_files import write_text

_KINDS = ("polygon", "mask", "box", "polyline", "points", "ellipse", "cuboid", "skeleton", "tag")
_ROOT = re.compile(r"<annotations\b")


def recognise(tree: Tree) -> bool:
    """Whether a tree holds XML files of CVAT."""
    return bool(_documents(tree))


def _documents(tree: Tree) -> list[str]:
    heads = ((name, tree.head(name)) for name in tree.files(".xml"))
    return [name for name, head in heads if _ROOT.search(head) and "<annotation>" not in head]


def read(tree: Tree, reading: Reading) -> Export:
    """Open an export: all its XML files."""
    roots, labels = [], dict[str, Label]()
    for name in _documents(tree):
        with reading.part(name):
            root = read_xml(tree.path(name))
            if root.find("track") is not None:
                raise FormatError(
                    "is CVAT for video, whose tracks are not read; export it as CVAT for images"
                )
            roots.append((name, root))
            for position, label in enumerate(root.iterfind("meta//labels/label")):
                with reading.part(f"{name}: label {position}"):
                    text = (label.findtext("name") or "").strip()
                    if not text:
                        raise FormatError("has no name")
                    labels.setdefault(text, Label(text, None, _color(label.findtext("color"))))
    return Export(_items(tree, roots, reading), list(labels.values()))


def _color(text: str | None) -> Color | None:
    if text is None or not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return None
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _items(tree: Tree, roots: list[tuple[str, Element]], reading: Reading) -> Iterator[Item]:
    seen = set[str]()
    for name, root in roots:
        here = PurePosixPath(name).parent
        for position, image in enumerate(root.iterfind("image")):
            reference = image.get("name", "")
            where = f"{name}: image {reference or position}"
            with reading.part(where):
                subset = image.get("subset", "")
                near = [here / "images" / subset, here / "images", here, here / subset]
                found, path = tree.image(reference, *(folder.as_posix() for folder in near))
                if found in seen:
                    raise FormatError("is listed twice; the first entry counts")
                seen.add(found)
                split = split_name(subset) or (subset if subset.lower() != "default" else None)
                split = split or split_name(PurePosixPath(name).stem)
                yield Item(
                    where, found, path,
                    lambda size, image=image, where=where: _shapes(image, size, where, reading),
                    stated_size(image.get("height"), image.get("width")),
                    split or split_of_path(reference) or None,
                )  # fmt: skip


def _shapes(image: Element, size: Size, where: str, reading: Reading) -> Iterator[Shape]:
    for position, entry in enumerate(image):
        with reading.part(f"{where}: {entry.tag} {position}"):
            label = entry.get("label", "").strip()
            if entry.tag not in _KINDS[:3]:
                raise FormatError(f"is of the kind {entry.tag!r:.40}, which has no pixels here")
            if not label:
                raise FormatError("has no label")
            try:
                layer = int(entry.get("z_order", "0"))
            except ValueError:
                layer = 0
            yield Shape(label, _region(entry, size, reading), layer)


def _region(entry: Element, size: Size, reading: Reading) -> Region:
    if entry.tag == "polygon":
        points = [point.split(",") for point in entry.get("points", "").split(";") if point]
        return polygon_region([ring(points)], size)
    if entry.tag == "box":
        if _number(entry, "rotation", 0.0):
            raise FormatError("is a rotated box")
        left, top, right, bottom = (_number(entry, key) for key in ("xtl", "ytl", "xbr", "ybr"))
        return reading.box(left, top, right, bottom, size)
    top, left, rows, columns = (
        int(_number(entry, key)) for key in ("top", "left", "height", "width")
    )
    if not (0 < rows <= 2 * size[0] and 0 < columns <= 2 * size[1]):
        raise FormatError(f"a mask of {rows} x {columns} on an image of {size[0]} x {size[1]}")
    counts = [count for count in entry.get("rle", "").split(",") if count.strip()]
    try:
        mask = decode_rows([int(count) for count in counts], (rows, columns))
    except ValueError as error:
        raise FormatError(str(error).rstrip(".")) from None
    return placed_region(mask, top, left, size)


def _number(entry: Element, key: str, default: float | None = None) -> float:
    text = entry.get(key)
    if text is None and default is not None:
        return default
    try:
        value = float(text or "")
    except ValueError:
        raise FormatError(f"its {key} is no number: {text!r:.40}") from None
    if not abs(value) < 1e7:
        raise FormatError(f"its {key} is {value}")
    return value


def write(pictures: Iterable[Picture], folder: Path, plan: Plan) -> None:
    """Write `annotations.xml` and `images/SPLIT`."""
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    meta = SubElement(root, "meta")
    for number, picture in enumerate(pictures):
        file = f"{picture.name}{picture.suffix}"
        plan.place(picture, folder / "images" / picture.split / file)
        rows, columns = picture.labels.shape
        image = SubElement(
            root, "image", id=str(number), name=file, subset=picture.split, width=str(columns),
            height=str(rows),
        )  # fmt: skip
        for position, (tag, values) in enumerate(_written(picture, plan)):
            common = {"source": "manual", "occluded": "0", "z_order": str(position)}
            SubElement(image, tag, {**values, **common})
    project = SubElement(meta, "project")
    for split in sorted({image.get("subset", "") for image in root.iterfind("image")}):
        SubElement(project, "subset").text = split
    labels = SubElement(project, "labels")
    for label in plan.labels():
        entry = SubElement(labels, "label")
        SubElement(entry, "name").text = plan.name(label)
        red, green, blue = (0, 0, 0) if label == IGNORED else plan.colors[label]
        SubElement(entry, "color").text = f"#{red:02x}{green:02x}{blue:02x}"
        SubElement(entry, "attributes")
    indent(root)
    text = tostring(root, encoding="unicode")
    write_text(folder / "annotations.xml", f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n')


def _written(picture: Picture, plan: Plan) -> Iterator[tuple[str, dict[str, str]]]:
    if plan.shapes == "polygons":
        for label, corners in plan.polygons(picture):
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in corners.tolist())
            yield "polygon", {"label": plan.name(label), "points": points}
        return
    for label, region in plan.regions(picture):
        rows, columns = region.pixels.shape
        yield "mask", {
            "label": plan.name(label), "rle": ", ".join(map(str, encode_rows(region.pixels))),
            "left": str(region.left), "top": str(region.top), "width": str(columns),
            "height": str(rows),
        }  # fmt: skip
