"""From an export of an annotation tool to a folder of images and masks."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from contextseg.data.classes import LONGEST_NAME, Classes
from contextseg.data.formats.catalogue import FORMATS, recognise
from contextseg.data.formats.class_table import ClassTable
from contextseg.data.formats.log import FormatError, Log
from contextseg.data.formats.objects import Item, Size
from contextseg.data.formats.overlaps import UNLABELLED, Overlap, paint
from contextseg.data.formats.pictures import (
    Images,
    Names,
    place_image,
    plain_name,
)
from contextseg.data.formats.reading import Boxes, Crowds, Reading
from contextseg.data.formats.splits import UNDIVIDED, Placed, put_into_splits
from contextseg.data.formats.tree import Tree
from contextseg.data.formats.unzip import unzip
from contextseg.data.images import image_size, write_mask
from contextseg.data.picture_files import ImageError
from contextseg.data.setup.grouping import GroupBy, require_division
from contextseg.data.survey import commands
from contextseg.system.atomic_files import write_text
from contextseg.system.progress import track
from contextseg.system.suggestions import did_you_mean
from contextseg.system.terminal import json_text
from contextseg.system.work_folders import folder_beside, publish, require_new

REPORT = "import.json"
"""File of the imported folder that says where it comes from and what was left out."""


@dataclass
class ImportReport:
    """What was imported, and what was not."""

    format: str
    """Name of the format that was read."""
    classes: Classes
    """Classes of the new data set."""
    images: Counter[str] = field(default_factory=Counter)
    """Number of images by split."""
    objects: int = 0
    """Number of objects drawn."""
    class_pixels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """Pixels of each class, [L], int64."""
    unlabelled_pixels: int = 0
    """Pixels without an object."""
    overlapping_pixels: int = 0
    """Pixels that objects of different classes claim."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Objects of classes that were not asked for, by class."""
    log: Log = field(default_factory=Log)
    """`faults` and `notes`, one message each."""


@dataclass
class _Sums:
    """Sums over all images."""

    placed: list[Placed] = field(default_factory=list)
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    objects: int = 0
    unlabelled: int = 0
    overlapping: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def import_data(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    format: str = "auto",
    unlabelled: str | None = "background",
    ignore: Sequence[str] = (),
    classes: Sequence[str] | None = None,
    overlap: Overlap = "auto",
    boxes: Boxes = "skip",
    crowds: Crowds = "class",
    images: Images = "copy",
    val: float = 0.2,
    seed: int = 0,
    group_by: GroupBy = "auto",
    allow_outside: bool = False,
) -> ImportReport:
    """Write an export of an annotation tool as a folder of images, masks and classes.json.

    The folder is built beside `out` and renamed when it is complete; the source is only read.

    Args:
        source: a folder, file or zip file; `docs/formats.md` lists what is read.
        out: the folder to write; it must not exist, or be empty.
        format: a name of `FORMATS`; `auto` recognises it.
        unlabelled: class of pixels without an object (added where it occurs); None ignores them.
        ignore: classes whose pixels are ignored; `__ignore__` always is.
        classes: classes to import; None for all.
        overlap: which of several objects has a pixel: `order` the one drawn last, `smaller` the
            one of fewer pixels, `auto` by order where the tool draws in order, else by size.
        boxes: objects that are only boxes: `skip`, or `fill`.
        crowds: pixels of COCO's crowds belong to their `class`, or `ignore`.
        images: `copy`, `hardlink` or `symlink` the image files.
        val: share of the images for validation where the export has none, at least 0 and below 1;
            they are divided as by `contextseg.init_data`. 0 divides nothing.
        seed: of the division, at least 0.
        group_by: what stays in one split, as for `contextseg.init_data`.
        allow_outside: follow paths and links that lead out of the source.

    Raises:
        ValueError: the format is not recognised, nothing could be imported, or an option is
            invalid. Broken parts do not raise: they are in the report.
        OSError: a file cannot be read or written.
    """
    source, target = Path(source), Path(out)
    _check(source, target, format)
    require_division(val, seed, group_by, least=0)
    log = Log()
    with _folder_of(source, target, log) as folder:
        if folder != source and images == "symlink":
            raise ValueError(f"{source}: images of an archive can be copied, not linked.")
        name = _format_of(folder, source) if format == "auto" else format
        tree = Tree(folder, allow_outside=allow_outside)
        export = FORMATS[name].read(tree, Reading(log, boxes, crowds))
        table = ClassTable(export, ignore=ignore, only=classes, unlabelled=unlabelled, log=log)
        by_order = overlap == "order" or (overlap == "auto" and export.has_order)
        picture_mode = "hardlink" if folder != source and images == "copy" else images
        with folder_beside(target) as staging:
            data = staging / "data"
            sums = _write_all(
                export.items, len(tree.images), data, table, log, by_order, picture_mode
            )
            if not sums.placed:
                why = "It holds no labelled image in this format."
                if log.faults:
                    why = f"The first of {len(log.faults)} faults: {log.faults[0]}"
                raise ValueError(f"{source}: no image could be imported as {name}. {why}")
            if not sums.objects:
                log.note("There is no object in the export: all pixels are unlabelled.")
            result = table.classes(source.resolve().stem[:LONGEST_NAME])
            put_into_splits(sums.placed, result, source, log, val=val, seed=seed, group_by=group_by)
            for kind in ("images", "masks"):
                with suppress(OSError):  # not there, or not empty after all
                    (data / kind / UNDIVIDED).rmdir()
            images_of = Counter(sorted(str(each.split) for each in sums.placed))
            report = ImportReport(
                name, result, images_of,
                sums.objects, sums.pixels[result.ids], sums.unlabelled, sums.overlapping,
                sums.left_out, log,
            )  # fmt: skip
            _finish(data, report, source)
            publish(data, target)
    return report


def _check(source: Path, target: Path, format: str) -> None:
    if not source.exists():
        raise ValueError(f"{source}: there is no such file or folder.")
    if format not in ("auto", *FORMATS):
        advice = did_you_mean(format, FORMATS, f"Formats: {', '.join(FORMATS)}.")
        raise ValueError(f"format: there is no format {format!r}. {advice}")
    require_new(target)
    if source.is_dir() and target.resolve().is_relative_to(source.resolve()):
        raise ValueError(
            f"{target}: is inside {source}, which is only read. Choose another folder."
        )


@contextmanager
def _folder_of(source: Path, target: Path, log: Log) -> Iterator[Path]:
    """The source, or a folder with the content of the archive."""
    if source.suffix.lower() != ".zip":
        yield source
        return
    with folder_beside(target) as folder, track("unpacking"):
        unzip(source, folder, log)
        yield folder


def _format_of(folder: Path, source: Path) -> str:
    name = recognise(folder)
    if name is None:
        advice = "".join(f"\n{line}" for line in commands(source))
        raise ValueError(
            f"{source}: is in none of the formats that are read: {', '.join(FORMATS)}. If it is, "
            f"name the format with --format.{advice}"
        )
    return name


def _write_all(
    items: Iterator[Item],
    expected: int,
    data: Path,
    table: ClassTable,
    log: Log,
    by_order: bool,
    images: Images,
) -> _Sums:
    sums, names = _Sums(), Names(log)
    with track("importing", "images") as task:
        number = 0
        for number, item in enumerate(items, 1):
            task(number - 1, max(number, expected))
            split = plain_name(item.split) if item.split else UNDIVIDED
            picture = None
            try:
                name = names.free(item.reference, item.split or "train")
                picture = place_image(item, data / "images" / split, name, images)
                ids = _ids_of(item, image_size(picture), table, sums, by_order)
            except (FormatError, ImageError) as error:
                if picture is not None:
                    picture.unlink()
                log.skip(item.where, error)
                continue
            mask = data / "masks" / split / f"{name}.png"
            write_mask(mask, ids, table.palette)
            names.take(name, item.split or "train")
            pixels = np.bincount(ids.ravel(), minlength=256)
            sums.pixels += pixels
            sums.placed.append(
                Placed(item.reference, picture, mask, np.flatnonzero(pixels),
                       split if item.split else None)
            )  # fmt: skip
        task(number, number)
    return sums


def _ids_of(item: Item, size: Size, table: ClassTable, sums: _Sums, by_order: bool) -> np.ndarray:
    """The mask of an image, [h, w], uint8."""
    if item.size is not None and item.size != size:
        raise FormatError(
            f"the image has {size[0]} rows and {size[1]} columns, the export says {item.size[0]} "
            f"and {item.size[1]}"
            + " (was the image turned after it was labelled?)"
            * (item.size == size[::-1])
        )
    shapes = []
    for shape in item.shapes(size):
        if table.wants(shape.name):
            shapes.append(shape)
        else:
            sums.left_out[shape.name] += 1
    painted, overlapping = paint(shapes, size, table.id_of, by_order=by_order)
    sums.objects += len(shapes)
    sums.overlapping += overlapping
    bare = painted == UNLABELLED
    sums.unlabelled += int(bare.sum())
    if bare.any():
        painted[bare] = table.background
    return painted.astype(np.uint8)


def _finish(data: Path, report: ImportReport, source: Path) -> None:
    write_text(data / "classes.json", json_text(report.classes.to_dict(), indent=1))
    content = {
        "source": source.name,
        "format": report.format,
        "images": report.images,
        "objects": report.objects,
        "unlabelled_pixels": report.unlabelled_pixels,
        "overlapping_pixels": report.overlapping_pixels,
        "left_out": report.left_out,
        "notes": report.log.notes,
        "faults": report.log.faults,
    }
    write_text(data / REPORT, json_text(content, indent=1))
