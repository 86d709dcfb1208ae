"""Open datasets for classification: CIFAR-10 in memory, or image files that are read on demand."""

from __future__ import annotations

from pathlib import Path

from contextseg.data.classification.array import LabelledArray
from contextseg.data.classification.cifar10 import cifar10_form, read_cifar10
from contextseg.data.classification.folder import LabelledFolder


def open_labelled(root: str, split: str) -> LabelledArray | LabelledFolder:
    """Open a split of the dataset in a folder.

    Args:
        root: folder of CIFAR-10 in any form that `read_cifar10` knows, or of images in any layout
            that `LabelledFolder` knows.
        split: name of the split, such as `train` or `test`.

    Raises:
        ValueError: the folder does not exist, has an unknown layout, or has no such split.
    """
    if not Path(root).is_dir():
        raise ValueError(
            f"{root}: there is no such folder. Set --data to the folder of the images."
        )
    if cifar10_form(root) is not None:
        return read_cifar10(root, split)
    return LabelledFolder(root, split)
