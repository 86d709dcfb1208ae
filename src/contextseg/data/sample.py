"""One image with its labels, and what a dataset of them has to offer."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from contextseg.data.classes import Classes


class Sample(NamedTuple):
    """An image and the labels of its pixels, both upright and of one size."""

    image: np.ndarray
    """[h, w, 3], uint8, RGB."""
    labels: np.ndarray
    """[h, w], uint8, in 0 to L - 1 or `contextseg.config.labels.IGNORED`."""
    name: str
    """Name in the dataset, without folder and suffix."""


class Dataset(Protocol):
    """Numbered samples of one list of classes; your own class of this form works everywhere.

    Two methods more make it faster where only a part of a sample is needed:
    `image_size(index)` gives rows and columns (whole images are evaluated in batches then, else
    one by one), `read_labels(index)` the labels alone, checked against the image's size.
    """

    @property
    def classes(self) -> Classes:
        """The classes of all samples."""
        ...

    @property
    def split(self) -> str:
        """Which part of the whole this is: `train`, `val`, `test` or another name."""
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
