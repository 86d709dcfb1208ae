"""A correct data set to plant faults into, and what plants them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.setup import variants

Plant = Callable[[Path], object]
"""Changes a data set in place."""

SIZE, NUMBER, CLASSES = (48, 64), 10, 4


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    kind: str
    """What is wrong."""
    plant: Plant
    """Makes it so."""
    file: str
    """What a message must name."""
    words: str
    """What the same message must say, as a regular expression."""


@dataclass(frozen=True)
class NotPlantedError(Exception):
    """This machine does not allow the fault."""

    reason: str


def image_of(root: Path, index: int = 3) -> Path:
    """A training image."""
    return root / f"images/train/train{index}.png"


def mask_of(root: Path, index: int = 3) -> Path:
    """The mask of a training image."""
    return root / f"masks/train/train{index}.png"


def write_base(root: Path) -> Path:
    """Two splits of ten pairs: different images, the same four classes, with colours."""
    for split, first in (("train", 0), ("val", 100)):
        for i in range(NUMBER):
            variants.save(root / f"images/{split}/{split}{i}.png", variants.photo(first + i, SIZE))
            labels = variants.labels(i, CLASSES, SIZE)
            variants.save(root / f"masks/{split}/{split}{i}.png", labels)
    return write_classes(root)


def write_classes(root: Path, number: int = CLASSES, **more: object) -> Path:
    """classes.json with so many classes."""
    entries = [{"id": i, "name": f"k{i}", "color": variants.COLORS[i % 4].tolist()}
               for i in range(number)]  # fmt: skip
    content = {"classes": entries, **more}
    return put(root / "classes.json", json.dumps(content).encode()).parent


def put(path: Path, content: bytes) -> Path:
    """Make `content` a file in place of what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # not emptied: the disk would be waited for
    path.write_bytes(content)
    return path


def saved(path: Path, picture: np.ndarray | Image.Image, **options: object) -> Path:
    """Write a picture in place of what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path, **options)
    return path


def labels_in(root: Path, index: int = 3) -> np.ndarray:
    """The mask of a training image."""
    return np.array(Image.open(mask_of(root, index)))


def cut(find: Callable[[Path], Path], share: float = 0.5) -> Plant:
    """A file of which only the first part is left."""

    def plant(root: Path) -> None:
        path = find(root)
        content = path.read_bytes()
        put(path, content[: int(share * len(content))])

    return plant


def damage(find: Callable[[Path], Path], share: float = 0.6) -> Plant:
    """A file with other bytes in the middle."""

    def plant(root: Path) -> None:
        path = find(root)
        content = bytearray(path.read_bytes())
        at = int(share * len(content))
        content[at : at + 6] = bytes(255 - value for value in content[at : at + 6])
        put(path, bytes(content))

    return plant


def filled(find: Callable[[Path], Path], content: bytes) -> Plant:
    """A file with other content."""
    return lambda root: put(find(root), content)


def listed(text: str | bytes, split: str = "train") -> Plant:
    """A list of the images of a split."""
    content = text.encode() if isinstance(text, str) else text
    return lambda root: put(root / "splits" / f"{split}.txt", content)


def names(split: str = "train") -> list[str]:
    """Names of the images of a split."""
    return [f"{split}{i}" for i in range(NUMBER)]


def unreadable(root: Path) -> None:
    """Take away the right to read an image."""
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        raise NotPlantedError("a superuser reads every file")
    image_of(root).chmod(0)
