"""Small images with one class each, held in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contextseg.data.classes import Classes, ClassInfo, default_color
from contextseg.data.view import Viewed


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class LabelledArray(Viewed):
    """A set of small images of one size, held in memory.

    Raises:
        ValueError: an array has another shape, type or range than below.
    """

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

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[3] != 3:
            raise ValueError(
                f"images must be [N, h, w, 3], uint8, 0 to 255, got {list(self.images.shape)}, "
                f"{self.images.dtype}."
            )
        last = self.classes.num_classes - 1
        if self.labels.shape != self.images.shape[:1] or self.labels.dtype.kind not in "ui":
            raise ValueError(
                f"labels must be [N] = [{len(self.images)}], integer, got "
                f"{list(self.labels.shape)}, {self.labels.dtype}."
            )
        if self.labels.size and not 0 <= self.labels.min() <= self.labels.max() <= last:
            raise ValueError(
                f"labels must be in 0 to {last}, got {self.labels.min()} to {self.labels.max()}."
            )

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)


def named_classes(dataset: str, names: list[str]) -> Classes:
    """Class names by label."""
    infos = (ClassInfo(i, name, default_color(i)) for i, name in enumerate(names))
    return Classes(dataset, tuple(infos))
