"""Which split an image of an export belongs to, by the names that tools give to splits."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import numpy as np

_NAMES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


def split_name(text: str) -> str | None:
    """The split that a name such as `Train`, `valid` or `instances_val2017` stands for, or None.

    Names such as `default`, which CVAT gives to images without a split, stand for none.
    """
    for word in reversed(re.split(r"[^a-z]+", text.lower())):
        if word in _NAMES:
            return _NAMES[word]
    return None


def split_of_path(path: str) -> str | None:
    """The split of a file: the nearest folder around it that is named like one, or None."""
    parents = [folder.name for folder in PurePosixPath(path).parents]
    return next((_NAMES[name.lower()] for name in parents if name.lower() in _NAMES), None)


def chosen_for_val(names: list[str], share: float, seed: int) -> set[str]:
    """A random part of the images, for validation where an export has no splits.

    Args:
        names: names of all images.
        share: part of them, 0 to 1; at least one image of two or more is in each part.
        seed: the choice is a function of it and of the sorted names.
    """
    number = round(share * len(names))
    if 0 < share < 1 and len(names) > 1:
        number = min(max(number, 1), len(names) - 1)
    order = np.random.default_rng(seed).permutation(len(names))
    ordered = sorted(names)
    return {ordered[i] for i in order[:number]}
