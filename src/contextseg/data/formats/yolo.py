"""YOLO segmentation: a text file per image with polygons in shares of its size, and data.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from contextseg.config.labels import IGNORED
from contextseg.config.yaml_text import load_yaml
from contextseg.data.formats.documents import read_text, require
from contextseg.data.formats.drawing import Picture, Plan
from contextseg.data.formats.log import FormatError
from contextseg.data.formats.objects import Export, Item, Label, Shape, Size
from contextseg.data.formats.rasterise import polygon_region, ring
from contextseg.data.formats.reading import Reading
from contextseg.data.formats.splits import split_name
from contextseg.data.formats.tree import Tree
from contextseg.data.setup.path_words import split_of_path
from contextseg.data.wording import some
from contextseg.system.atomic_files import write_text

_SPLITS = ("train", "val", "test")
_TABLE = "classes.txt"
"""Names of classes, a line each, where a tool writes no YAML file."""
_NO_SPLITS = ("path", "names", "nc", "download", "roboflow", "kpt_shape", "flip_idx")


def recognise(tree: Tree) -> bool:
    """Whether a tree holds names of classes, as data.yaml or classes.txt, and splits or labels."""
    return bool(_documents(tree))


def _documents(tree: Tree) -> list[str]:
    """Files with names of classes: YAML files with splits, else those beside a folder of labels."""
    heads = {name: "\n" + tree.head(name) for name in tree.files(".yaml", ".yml")}
    heads = {name: head for name, head in heads.items() if "\nnames:" in head}
    with_splits = [name for name, head in heads.items()
                   if any(f"\n{key}:" in head for key in _SPLITS)]  # fmt: skip
    if with_splits:
        return with_splits
    names = [*heads, *(n for n in tree.files(_TABLE) if PurePosixPath(n).name == _TABLE)]
    return [name for name in names if _has_labels(tree, PurePosixPath(name).parent)]


def _has_labels(tree: Tree, folder: PurePosixPath) -> bool:
    below = "" if folder.as_posix() == "." else f"{folder}/"
    return any(
        name.startswith(below) and name.endswith(".txt") and "labels" in PurePosixPath(name).parts
        for name in tree.names
    )


def read(tree: Tree, reading: Reading) -> Export:
    """Open an export.

    Raises:
        ValueError: its file of classes is broken, or there are several.
    """
    documents = _documents(tree)
    if not documents:
        raise ValueError(f"{tree.root}: no data.yaml or classes.txt names the classes.")
    if len(documents) > 1:
        raise ValueError(
            f"{tree.root}: {len(documents)} files name classes ({some(documents)}): import the "
            f"folder of one of them."
        )
    (name,) = documents
    try:
        text = read_text(tree.path(name))
        if name.endswith(_TABLE):
            content = {"names": [line.strip() for line in text.splitlines() if line.strip()]}
        else:
            content = require(load_yaml(text), dict, "the content")
        names = _names(content.get("names"))
    except ValueError as error:
        raise ValueError(f"{tree.root / name}: {error}") from None
    return Export(
        _items(tree, name, content, names, reading),
        [Label(text, number) for number, text in names.items()],
        has_order=False,
    )


def _names(names: Any) -> dict[int, str]:
    if isinstance(names, list):
        names = dict(enumerate(names))
    names = require(names, dict, "names")
    for number, text in names.items():
        require(number, int, "the number of a class")
        if not str(text or "").strip():
            raise FormatError(f"class {number} has no name")
    return {number: str(text) for number, text in names.items()}


def _items(
    tree: Tree, document: str, content: dict[str, Any], names: dict[int, str], reading: Reading
) -> Iterator[Item]:
    seen = set[str]()
    known = set(tree.names)
    for where, reference, split in _references(tree, document, content, reading):
        with reading.part(where):
            found, path = tree.image(reference)
            if found in seen:
                raise FormatError("is listed twice; the first entry counts")
            seen.add(found)
            labels = _labels_of(found)
            yield Item(
                found, found, path,
                lambda size, labels=labels: _shapes(
                    tree, labels if labels in known else None, size, names, reading
                ),
                None, split,
            )  # fmt: skip


def _references(
    tree: Tree, document: str, content: dict[str, Any], reading: Reading
) -> Iterator[tuple[str, str, str | None]]:
    """Where each image is named, its path, and its split."""
    keys = [key for key, places in content.items()
            if isinstance(key, str) and key not in _NO_SPLITS and places]  # fmt: skip
    for key in keys:
        places = content[key]
        for place in places if isinstance(places, list) else [places]:
            with reading.part(f"{document}: {key}"):
                for reference in _listed(tree, document, content, require(place, str, key)):
                    yield f"{document}: {key}: {reference}", reference, split_name(key) or key
    if not any(key in keys for key in _SPLITS):
        folder = PurePosixPath(document).parent
        for name in sorted(tree.images):
            if PurePosixPath(name).is_relative_to(folder) and _labels_of(name) != _own(name):
                yield name, name, split_of_path(name)


def _listed(tree: Tree, document: str, content: dict[str, Any], place: str) -> list[str]:
    """Images of a split: those of a folder, or those in a list.

    Paths count from the document, with `path` before them or without, and Roboflow's begin with
    `../` although they mean the document's own folder.
    """
    here = PurePosixPath(document).parent
    base = content.get("path")
    parts = [part for part in place.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    places = [here.joinpath(*parts)]
    if isinstance(base, str):
        inner = [part for part in base.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        places = [here.joinpath(*inner, *parts), *places]
    # A path of another machine: its last folders, as far as they are here.
    places += [here.joinpath(*parts[start:]) for start in range(1, len(parts))]
    for folder in (candidate.as_posix() for candidate in places):
        if folder.endswith(".txt") and folder in tree.names:
            lines = read_text(tree.path(folder)).splitlines()
            return [line.strip() for line in lines if line.strip()]
        inside = [name for name in tree.images
                  if folder == "." or name.startswith(folder + "/")]  # fmt: skip
        if inside and parts:
            return sorted(inside)
    raise FormatError(f"there is no folder or list {place!r} with images in {tree.root}")


def _own(image: str) -> str:
    return PurePosixPath(image).with_suffix(".txt").as_posix()


def _labels_of(image: str) -> str:
    """The text file of an image: the last folder `images` of its path becomes `labels`."""
    parts = list(PurePosixPath(_own(image)).parts)
    for i in reversed(range(len(parts) - 1)):
        if parts[i] == "images":
            parts[i] = "labels"
            break
    return "/".join(parts)


def _shapes(
    tree: Tree, labels: str | None, size: Size, names: dict[int, str], reading: Reading
) -> Iterator[Shape]:
    if labels is None:
        return  # an image without objects has no file
    scale = np.array([size[1], size[0]])
    for number, line in enumerate(read_text(tree.path(labels)).splitlines(), 1):
        if not (words := line.split()):
            continue
        with reading.part(f"{labels}: line {number}"):
            try:
                label, values = float(words[0]), [float(word) for word in words[1:]]
            except ValueError:
                raise FormatError(f"is not numbers: {line!r:.40}") from None
            if label not in names:
                raise FormatError(f"there is no class {words[0]} in the YAML file")
            name = names[int(label)]
            if len(values) == 4:
                x, y, width, height = values
                left, top = (x - width / 2) * size[1], (y - height / 2) * size[0]
                right, bottom = (x + width / 2) * size[1], (y + height / 2) * size[0]
                yield Shape(name, reading.box(left, top, right, bottom, size))
            else:
                yield Shape(name, polygon_region([ring(values) * scale], size))


def write(pictures: Iterable[Picture], folder: Path, plan: Plan) -> None:
    """Write `images/SPLIT`, `labels/SPLIT` and `data.yaml`."""
    splits = dict[str, str]()
    number = {label: i for i, label in enumerate([*plan.labels(), IGNORED])}
    for picture in pictures:
        splits[picture.split] = f"images/{picture.split}"
        plan.place(picture, folder / splits[picture.split] / f"{picture.name}{picture.suffix}")
        size = np.array(picture.labels.shape[::-1])
        lines = (
            " ".join([str(number[label]), *(f"{value:.8g}" for value in (corners / size).ravel())])
            for label, corners in plan.polygons(picture)
        )
        write_text(
            folder / "labels" / picture.split / f"{picture.name}.txt",
            "".join(f"{line}\n" for line in lines),
        )
    content = {**splits, "names": {number[label]: plan.name(label) for label in plan.labels()}}
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    write_text(folder / "data.yaml", text)
