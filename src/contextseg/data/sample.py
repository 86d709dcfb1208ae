"""One image with its labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Sample(NamedTuple):
    """An image and the labels of its pixels, both upright and of one size."""

    image: np.ndarray
    """[h, w, 3], uint8, RGB."""
    labels: np.ndarray
    """[h, w], uint8, in 0 to L - 1 or `contextseg.labels.IGNORED`."""
    name: str
    """Name in the dataset, without folder and suffix."""
