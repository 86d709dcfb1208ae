"""The formats by name, and which of them a folder or file is in."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from contextseg.data.formats import (
    class_csv,
    coco,
    cvat,
    label_studio,
    labelme,
    parquet,
    supervisely,
    voc,
    yolo,
)
from contextseg.data.formats.drawing import Picture, Plan
from contextseg.data.formats.objects import Export
from contextseg.data.formats.reading import Reading
from contextseg.data.formats.tree import Tree
from contextseg.data.formats.unzip import BROKEN, MOST_FILES

Writer = Callable[[Iterable[Picture], Path, Plan], None]


@dataclass(frozen=True, slots=True)
class Format:
    """A format of annotations."""

    title: str
    """What people call it."""
    recognise: Callable[[Tree], bool]
    """Whether a tree is in it."""
    read: Callable[[Tree, Reading], Export]
    """Opens an export."""
    write: Writer | None = None
    """Writes images with label maps, if the format can be written."""
    shapes: tuple[str, ...] = ()
    """What it can be written with, the default first: `masks` (exact) or `polygons`."""


FORMATS: dict[str, Format] = {
    "cvat": Format(
        "CVAT for images (XML)", cvat.recognise, cvat.read, cvat.write, ("masks", "polygons")
    ),
    "labelstudio": Format(
        "Label Studio (JSON)", label_studio.recognise, label_studio.read, label_studio.write,
        ("masks", "polygons"),
    ),
    "coco": Format("COCO (JSON)", coco.recognise, coco.read, coco.write, ("masks", "polygons")),
    "labelme": Format(
        "LabelMe (a JSON file per image)", labelme.recognise, labelme.read, labelme.write,
        ("polygons", "masks"),
    ),
    "yolo": Format(
        "YOLO segmentation (data.yaml)", yolo.recognise, yolo.read, yolo.write, ("polygons",)
    ),
    "supervisely": Format(
        "Supervisely (project or masks)", supervisely.recognise, supervisely.read
    ),
    "masks": Format("masks with _classes.csv (Roboflow)", class_csv.recognise, class_csv.read),
    "voc": Format(
        "Pascal VOC folders (CVAT, labelme2voc)", voc.recognise, voc.read, voc.write, ("masks",)
    ),
    "parquet": Format("Parquet of Hugging Face", parquet.recognise, parquet.read),
}  # fmt: skip
"""Formats by the name that `--format` and `--to` take, in the order in which they are tried."""

_HEADS = 1 << 28
"""Bytes that are read of an archive at most, to recognise it."""
_READ_FROM_ZIP = (".json", ".xml", ".yaml", ".yml", ".csv", ".txt")


def recognise(path: Path) -> str | None:
    """The format of the annotations in a folder, file or zip file, by what its files begin with.

    Returns:
        A name of `FORMATS`, or None if it is none of them or does not exist.
    """
    if path.suffix.lower() == ".zip" and path.is_file():
        return _recognise_zip(path)
    if not path.exists():
        return None
    tree = Tree(path)
    return next((name for name, entry in FORMATS.items() if entry.recognise(tree)), None)


def _recognise_zip(path: Path) -> str | None:
    """The format of an archive, from the beginnings of its files."""
    budget = _HEADS
    try:
        with zipfile.ZipFile(path) as archive, TemporaryDirectory() as name:
            folder = Path(name)
            if len(archive.infolist()) > MOST_FILES:
                return None
            for entry in archive.infolist():
                target = folder / entry.filename.replace("\\", "/").lstrip("/")
                if entry.is_dir() or ".." in target.parts or ":" in entry.filename:
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                head = b""
                if target.suffix.lower() in _READ_FROM_ZIP and budget > 0:
                    with archive.open(entry) as file:
                        head = file.read(1 << 16)
                    budget -= len(head)
                target.write_bytes(head)
            return recognise(folder)
    except (OSError, ValueError, *BROKEN):
        return None
