"""One image with its labels, and the interface of a dataset."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from contextseg.data.classes import Classes


class Sample(NamedTuple):
    """An image and the labels of its pixels, both upright and of the same size."""

    image: np.ndarray
    """[h, w, 3], uint8, RGB; other images as `contextseg.data.bands.read_pixels` gives them."""
    labels: np.ndarray
    """[h, w], uint8, in 0 to L - 1 or `contextseg.config.labels.IGNORED`."""
    name: str
    """Name in the dataset, without folder and suffix."""


class Dataset(Protocol):
    """Indexed samples with one list of classes; any class with this interface works.

    Two optional methods save time when only part of a sample is needed: `image_size(index)` returns
    rows and columns (whole images are then evaluated in batches, otherwise one by one), and
    `read_labels(index)` returns the labels alone, checked against the image's size. Images that are
    no photos need an attribute `images`, a `contextseg.config.ImagesConfig`.
    """

    @property
    def classes(self) -> Classes:
        """The classes of all samples."""
        ...

    @property
    def split(self) -> str:
        """Name of the split: `train`, `val`, `test` or another name."""
        ...

    @property
    def names(self) -> list[str]:
        """Name of each sample, without folder and suffix."""
        ...

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def __getitem__(self, index: int, /) -> Sample:
        """Sample `index`, 0 to len - 1."""
        ...
