"""OpenCV's functions, which take four channels at most, on images of any number of channels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

_AT_ONCE = 4
"""Channels that OpenCV takes at once, with a value of its own for each outside the image."""
_COARSE = 2
"""Channels for which OpenCV's warp rounds places to 1/32 of a pixel; of 1, 3 and 4 it does not."""


def parts_of(image: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """The parts of an image by their channels; an image of 1, 3 or 4 channels is one itself."""
    channels = image.shape[2]
    if channels <= _AT_ONCE and channels != _COARSE:
        yield slice(0, channels), image
        return
    first = 0
    while first < channels:
        left = channels - first
        part = slice(first, first + (1 if left == _COARSE else min(left, _AT_ONCE)))
        yield part, np.ascontiguousarray(image[..., part])
        first = part.stop


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """What became of the parts of an image, [h, w, C]; OpenCV drops a dimension of one channel."""
    whole = [part[..., None] if part.ndim == 2 else part for part in parts]
    return whole[0] if len(whole) == 1 else np.concatenate(whole, axis=2)


def resized(image: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    """An image [h, w, C] at `size` rows and columns."""
    return joined(
        [cv2.resize(part, size[::-1], interpolation=interpolation) for _, part in parts_of(image)]
    )
