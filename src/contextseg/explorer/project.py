"""The images of a page by number, and what is known of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from contextseg.data import open_dataset, splits_of
from contextseg.data.classes import Classes
from contextseg.data.images import image_size, read_image
from contextseg.data.sample import Dataset
from contextseg.data.wrong_labels import WRONG, read_wrong
from contextseg.inference.inputs import find_images
from contextseg.system.atomic_files import write_text


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One image."""

    name: str
    """Its name in the project, with forward slashes."""
    read: Callable[[], np.ndarray]
    """Reads it: [h, w, 3], uint8, RGB."""
    size: Callable[[], tuple[int, int]]
    """Rows and columns, from its header."""
    truth: Callable[[], np.ndarray] | None = None
    """Reads its labels, [h, w], uint8; None if there are none."""
    path: Path | None = None
    """Its file, where it is in one of its own."""


@dataclass(kw_only=True)
class Project:
    """Images with an order; requests name them by number, never by path.

    Numbers stay valid: images are only added at the end.
    """

    classes: Classes
    items: list[Item]
    root: Path
    """Where `wrong_labels.txt` is written."""
    notes: list[str] = field(default_factory=list)
    """What was left out, and why."""

    def __len__(self) -> int:
        return len(self.items)

    def item(self, number: int) -> Item:
        """Image `number`.

        Raises:
            IndexError: there is none.
        """
        if not 0 <= number < len(self.items):
            raise IndexError(f"there is no image {number}.")
        return self.items[number]

    def truth(self, number: int) -> np.ndarray | None:
        """Labels of an image, [h, w], uint8, in 0 to L - 1 or 255; None if there are none."""
        read = self.item(number).truth
        return None if read is None else read()

    def wrong(self) -> dict[str, str]:
        """Names of images whose labels were called wrong, with a note each."""
        return read_wrong(self.root)

    def mark_wrong(self, number: int, note: str | None) -> None:
        """Call the labels of an image wrong, or take that back with None."""
        listed = self.wrong()
        name = self.item(number).name
        if note is None:
            listed.pop(name, None)
        else:
            listed[name] = " ".join(note.split())
        text = "".join(f"{name}\t{note}".rstrip() + "\n" for name, note in listed.items())
        write_text(self.root / WRONG, text)


def explored(
    paths: Sequence[str | os.PathLike[str]], classes: Classes, split: str | None = None
) -> Project:
    """The images of a data set, or of files, folders and patterns.

    Args:
        paths: one data set, or anything that `predict` takes.
        classes: the model's; labels of a data set count only if its classes have the same names.
        split: only this split of a data set.

    Raises:
        ValueError: there are no images.
    """
    if len(paths) == 1 and Path(paths[0]).is_dir():
        root = Path(paths[0])
        try:
            splits = [split] if split else splits_of(str(root))
        except ValueError:
            splits = []
        if splits:
            return _of_dataset(root, splits, classes)
    found = find_images(paths)
    if not found.images:
        raise ValueError(f"{', '.join(map(str, paths))}: there are no images.")
    base = Path(paths[0])
    return Project(
        classes=classes,
        items=[file_item(each.name, each.path) for each in found.images],
        root=base if base.is_dir() else base.parent,
        notes=[f"{path}: {reason}" for path, reason in found.failed],
    )


def file_item(name: str, path: Path, truth: Callable[[], np.ndarray] | None = None) -> Item:
    """An image in a file."""
    return Item(
        name=name,
        read=lambda: read_image(path),
        size=lambda: image_size(path),
        truth=truth,
        path=path,
    )


def _of_dataset(root: Path, splits: Sequence[str], classes: Classes) -> Project:
    items: list[Item] = []
    notes: list[str] = []
    for split in splits:
        data = open_dataset(str(root), split, strict=False)
        notes += getattr(data, "problems", [])
        comparable = data.classes.names == classes.names
        if not comparable and not notes:
            notes.append(f"{root}: its classes are not the model's, so its labels are not shown.")
        items += [_dataset_item(data, index, comparable) for index in range(len(data))]
    if not items:
        raise ValueError(f"{root}: there are no images in {', '.join(splits)}.")
    return Project(classes=classes, items=items, root=root, notes=notes)


def _dataset_item(data: Dataset, index: int, comparable: bool) -> Item:
    def truth() -> np.ndarray:
        read = getattr(data, "read_labels", None)
        return data[index].labels if read is None else read(index)

    def size() -> tuple[int, int]:
        measure = getattr(data, "image_size", None)
        height, width = data[index].image.shape[:2] if measure is None else measure(index)
        return height, width

    return Item(
        name=f"{data.split}/{data.names[index]}",
        read=lambda: data[index].image,
        size=size,
        truth=truth if comparable else None,
    )
