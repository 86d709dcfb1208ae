"""Images with one class each: whole sets in memory, or files in one folder per class."""

from __future__ import annotations

from pathlib import Path

from contextseg.data.classification.array import LabelledArray
from contextseg.data.classification.cifar10 import cifar10_form, read_cifar10
from contextseg.data.classification.folder import LabelledFolder


def open_labelled(root: str, split: str) -> LabelledArray | LabelledFolder:
    """Open the images in a folder: CIFAR-10 in any of its forms, or one folder per class.

    Args:
        root: folder of CIFAR-10, or one with a sub-folder per class.
        split: which part of it, such as `train` or `test`.

    Raises:
        ValueError: the folder is not laid out in any known way, or has no such split.
    """
    if not Path(root).is_dir():
        raise ValueError(f"{root}: there is no such folder; --data names that of the images.")
    return read_cifar10(root, split) if cifar10_form(root) else LabelledFolder(root, split)
