"""Windows that cover an image too large for a single forward pass."""

from __future__ import annotations


def window_starts(length: int, window: int) -> list[int]:
    """Start positions of the windows along one dimension.

    The stride is two thirds of the window, so neighbours overlap by a third. The last window is
    shifted back to end with the image: all have the same size, and none extends beyond the image.

    Args:
        length: pixels of the image along the dimension.
        window: pixels of a window, at least 1; a window larger than the image is cut to it.

    Returns:
        First pixel of each window, ascending, from 0 to `length - window`.
    """
    last = max(0, length - window)
    stride = max(1, window * 2 // 3)
    return [*range(0, last, stride), last]


def overlap_counts(length: int, starts: list[int], window: int) -> list[int]:
    """Number of windows that cover each pixel of one dimension, [length]."""
    counts = [0] * length
    for start in starts:
        for pixel in range(start, min(start + window, length)):
            counts[pixel] += 1
    return counts
