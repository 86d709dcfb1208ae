"""Images with one class each: whole sets in memory, or files in a folder a class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from contextseg.data.classes import Classes, ClassInfo, default_color

if TYPE_CHECKING:
    from contextseg.data.labelled_folder import LabelledFolder


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledArray:
    """A set of small images of one size, held in memory."""

    images: np.ndarray
    """[N, h, w, 3], uint8, RGB."""
    labels: np.ndarray
    """[N], int64, in 0 to L - 1."""
    classes: Classes
    """What the labels are called."""
    split: str
    """Which part of the whole this is."""
    exact: np.ndarray | None = None
    """[N], bool: whether an image has its original pixels; None where all have."""

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)


LabelledSet = "LabelledArray | LabelledFolder"


def named_classes(dataset: str, names: list[str]) -> Classes:
    """Classes by name, label l the l-th."""
    infos = (ClassInfo(i, name, default_color(i)) for i, name in enumerate(names))
    return Classes(dataset, tuple(infos))


def open_labelled(root: str, split: str) -> LabelledArray | LabelledFolder:
    """The images at a folder: CIFAR-10 in any of its forms, or a folder a class.

    Args:
        root: folder (`contextseg.data.cifar10`, `contextseg.data.labelled_folder`).
        split: which part of it, such as `train` or `test`.

    Raises:
        ValueError: the folder is not laid out in any known way, or has no such split.
    """
    from contextseg.data.cifar10 import cifar10_form, read_cifar10
    from contextseg.data.labelled_folder import LabelledFolder

    if not Path(root).is_dir():
        raise ValueError(f"{root}: there is no such folder; --data names that of the images.")
    return read_cifar10(root, split) if cifar10_form(root) else LabelledFolder(root, split)
