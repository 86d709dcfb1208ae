"""Pascal VOC folders of segmentation, as CVAT, labelme2voc and VOC itself write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from contextseg.config.labels import IGNORED
from contextseg.data.classes import Color, default_color
from contextseg.data.formats.dense import code, color_codes, shapes_of
from contextseg.data.formats.documents import read_text
from contextseg.data.formats.drawing import Picture, Plan
from contextseg.data.formats.log import FormatError
from contextseg.data.formats.objects import IGNORE_NAME, Export, Item, Label, Shape, Size
from contextseg.data.formats.reading import Reading
from contextseg.data.formats.splits import split_name
from contextseg.data.formats.tree import Tree
from contextseg.data.images import write_mask
from contextseg.data.mask_files import StoredMask, read_stored_mask
from contextseg.data.picture_files import ImageError
from contextseg.data.vocabularies import vocabulary
from contextseg.system.atomic_files import write_text

BORDER: Color = (224, 224, 192)
"""VOC's colour of the index 255, whose pixels are ignored."""
_MASKS = ("SegmentationClassPNG", "SegmentationClass")
_FIRST = ("train", "val", "test")


def recognise(tree: Tree) -> bool:
    """Whether a tree holds a folder `SegmentationClass` of PNG files."""
    return bool(_folders(tree))


def _folders(tree: Tree) -> list[str]:
    """Folders of masks; in older exports of labelme2voc, the other one has arrays."""
    if tree.only is not None:
        return []  # a single file has none, whatever lies around it
    found: dict[str, str] = {}
    for kind in _MASKS:
        for folder in tree.folders(kind):
            if any(name.lower().endswith(".png") for name in tree.below(folder)):
                found.setdefault(PurePosixPath(folder).parent.as_posix(), folder)
    return sorted(found.values())


def read(tree: Tree, reading: Reading) -> Export:
    """Open an export.

    Classes are those of `labelmap.txt` (CVAT) or `class_names.txt` (labelme2voc), else VOC's own.

    Raises:
        ValueError: there are several folders of masks, or the list of classes is broken.
    """
    folders = _folders(tree)
    if len(folders) != 1:
        raise ValueError(f"{tree.root}: there are {len(folders)} folders of masks: import one.")
    base = PurePosixPath(folders[0]).parent
    try:
        labels = _labels(tree, base)
    except FormatError as error:
        raise ValueError(f"{tree.root / base}: {error}") from None
    return Export(_items(tree, PurePosixPath(folders[0]), labels, reading), labels)


def _labels(tree: Tree, base: PurePosixPath) -> list[Label]:
    names = {PurePosixPath(name).name: name for name in tree.below(base.as_posix())}
    if "labelmap.txt" in names:
        lines = _lines(tree, names["labelmap.txt"])
        return [_entry(line, i) for i, line in enumerate(x for x in lines if x[0] != "#")]
    if "class_names.txt" in names:
        lines = [line for line in _lines(tree, names["class_names.txt"]) if line != IGNORE_NAME]
        return [Label(line, i) for i, line in enumerate(lines)]
    return [Label(info.name, info.id, info.color) for info in vocabulary("voc2012").classes]


def _lines(tree: Tree, name: str) -> list[str]:
    return [line.strip() for line in read_text(tree.path(name)).splitlines() if line.strip()]


def _entry(line: str, position: int) -> Label:
    """A line of labelmap.txt: `road:128,64,128::`; without a colour, VOC's of the position."""
    name, *rest = line.rsplit(":", 3)
    if len(rest) == 3 and not rest[0].strip():
        return Label(name, position, _voc_color(position))
    try:
        red, green, blue = (int(word) for word in rest[0].split(","))
    except (IndexError, ValueError):
        raise FormatError(f"labelmap.txt: {line!r:.60} is not of the form name:r,g,b::") from None
    if not name or not all(0 <= value <= 255 for value in (red, green, blue)):
        raise FormatError(f"labelmap.txt: {line!r:.60} needs a name, and colours of 0 to 255")
    return Label(name, position, (red, green, blue))


def _voc_color(number: int) -> Color:
    """VOC's colour of an id: its bits, three by three, are the upper bits of the channels."""
    red, green, blue = (
        sum((number >> (3 * place + channel) & 1) << (7 - place) for place in range(3))
        for channel in range(3)
    )
    return red, green, blue


def _items(
    tree: Tree, folder: PurePosixPath, labels: list[Label], reading: Reading
) -> Iterator[Item]:
    base = folder.parent
    masks = {PurePosixPath(name).stem: name for name in tree.below(folder.as_posix())
             if name.lower().endswith(".png")}  # fmt: skip
    splits = _splits(tree, base)
    listed = splits or dict.fromkeys(sorted(masks))
    if unused := len(masks.keys() - listed.keys()):
        reading.log.note(f"{unused} masks are in no list of ImageSets, so they are left out.")
    photos = {
        PurePosixPath(name).stem: name
        for name in sorted(tree.images)
        if name.startswith(_inside(base / "JPEGImages"))
    }
    for name, split in listed.items():
        where = f"{folder}: {name}"
        with reading.part(where):
            stem = PurePosixPath(name).name
            if stem not in masks:
                raise FormatError("there is no mask of this name")
            if stem not in photos:
                raise FormatError(f"there is no image of this name in {base / 'JPEGImages'}")
            yield Item(
                where, photos[stem], tree.path(photos[stem]),
                lambda size, mask=masks[stem]: _shapes(tree, mask, labels, size, reading),
                None, split,
            )  # fmt: skip


def _inside(folder: PurePosixPath) -> str:
    return folder.as_posix() + "/"


def _splits(tree: Tree, base: PurePosixPath) -> dict[str, str | None]:
    """Split by name: of several lists with a name, the first of train, val, test, others counts."""
    lists = [name for name in tree.below((base / "ImageSets" / "Segmentation").as_posix())
             if name.endswith(".txt")]  # fmt: skip
    found: dict[str, str | None] = {}
    stems = {PurePosixPath(name).stem: name for name in lists}
    for stem in sorted(
        stems, key=lambda s: (s not in _FIRST, _FIRST.index(s) if s in _FIRST else s)
    ):
        split = None if stem.lower() == "default" else split_name(stem) or stem
        for line in _lines(tree, stems[stem]):
            found.setdefault(line, split)
    return found


def _shapes(
    tree: Tree, mask: str, labels: list[Label], size: Size, reading: Reading
) -> Iterator[Shape]:
    try:
        stored = read_stored_mask(tree.path(mask))
    except ImageError as error:
        raise FormatError(str(error)) from None
    by_color = {code(label.color): label.name for label in labels if label.color is not None}
    by_color.setdefault(code(BORDER), IGNORE_NAME)
    by_index = {label.id: label.name for label in labels if label.id is not None}
    by_index.setdefault(IGNORED, IGNORE_NAME)
    if stored.values.ndim == 3:
        yield from shapes_of(color_codes(stored.values), by_color, size, mask, reading)
    elif stored.palette is not None and _shows_colors(stored, labels):
        padded = np.zeros((256, 3), np.uint8)
        padded[: len(stored.palette)] = stored.palette
        shown = color_codes(padded)
        shown[IGNORED] = code(BORDER) if IGNORED not in [x.id for x in labels] else shown[IGNORED]
        yield from shapes_of(shown[stored.values], by_color, size, mask, reading)
    else:
        yield from shapes_of(stored.values, by_index, size, mask, reading)


def _shows_colors(mask: StoredMask, labels: list[Label]) -> bool:
    """Whether a palette file is meant by its colours, as some index has the colour of a class."""
    if mask.palette is None:
        return False
    used = np.unique(mask.values)
    used = used[(used < len(mask.palette)) & (used != IGNORED)]
    known = [code(label.color) for label in labels if label.color is not None]
    return bool(np.isin(color_codes(mask.palette[used]), known).any())


def write(pictures: Iterable[Picture], folder: Path, plan: Plan) -> None:
    """Write `JPEGImages`, `SegmentationClass`, lists of the splits and `labelmap.txt`.

    Masks are palette PNGs whose indices are the labels, in the order of `labelmap.txt`; ignored
    pixels, and those of classes that are left out, are 255.
    """
    palette = np.array([default_color(i) for i in range(256)], np.uint8)
    palette[: len(plan.colors)], palette[IGNORED] = _distinct(plan.colors), BORDER
    splits, taken = dict[str, list[str]](), set[str]()
    for picture in pictures:
        name = picture.name
        if name.casefold() in taken:
            name = f"{picture.split}__{name}"
        taken.add(name.casefold())
        plan.place(picture, folder / "JPEGImages" / f"{name}{picture.suffix}")
        labels = np.where(np.isin(picture.labels, list(plan.left_out)), IGNORED, picture.labels)
        plan.has_ignored |= bool((labels == IGNORED).any())
        write_mask(folder / "SegmentationClass" / f"{name}.png", labels, palette)
        splits.setdefault(picture.split, []).append(name)
    for split, names in splits.items():
        write_text(
            folder / "ImageSets" / "Segmentation" / f"{split}.txt",
            "".join(f"{name}\n" for name in names),
        )
    names = [*enumerate(plan.names), *([(IGNORED, IGNORE_NAME)] if plan.has_ignored else [])]
    lines = (f"{name}:{','.join(map(str, palette[i].tolist()))}::\n" for i, name in names)
    write_text(folder / "labelmap.txt", "# label:color_rgb:parts:actions\n" + "".join(lines))


def _distinct(colors: list[Color]) -> np.ndarray:
    """The colours of classes, or others where two share one or one is that of ignored pixels."""
    if len({*colors, BORDER}) <= len(colors):
        colors = [default_color(i) for i in range(len(colors))]
    return np.array(colors, np.uint8)
