"""Small images with one class each, held in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contextseg.data.classes import Classes, ClassInfo, default_color


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledArray:
    """A set of small images of one size, held in memory."""

    images: np.ndarray
    """[N, h, w, 3], uint8, RGB."""
    labels: np.ndarray
    """[N], int64, in 0 to L - 1."""
    classes: Classes
    """Names of the labels."""
    split: str
    """Name of the split."""
    exact: np.ndarray | None = None
    """[N], bool: whether an image has its original pixels; None if all have."""

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)


def named_classes(dataset: str, names: list[str]) -> Classes:
    """Class names by label."""
    infos = (ClassInfo(i, name, default_color(i)) for i, name in enumerate(names))
    return Classes(dataset, tuple(infos))
