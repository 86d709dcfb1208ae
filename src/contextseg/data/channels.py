"""OpenCV's functions, which take four channels at most, on images of any number of channels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

AT_ONCE = 4
"""Channels that OpenCV takes at once, with a value of its own for each outside the image."""


def parts_of(image: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The first channel of each part, and the part; an image of few channels is one itself."""
    channels = image.shape[2]
    if channels <= AT_ONCE:
        yield 0, image
        return
    for first in range(0, channels, AT_ONCE):
        yield first, np.ascontiguousarray(image[..., first : first + AT_ONCE])


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """What became of the parts of an image, [h, w, C]; OpenCV drops a dimension of one channel."""
    whole = [part[..., None] if part.ndim == 2 else part for part in parts]
    return whole[0] if len(whole) == 1 else np.concatenate(whole, axis=2)


def resized(image: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    """An image [h, w, C] at `size` rows and columns."""
    return joined(
        [cv2.resize(part, size[::-1], interpolation=interpolation) for _, part in parts_of(image)]
    )
