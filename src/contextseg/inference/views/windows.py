"""Windows that cover an image larger than what the network should see at once."""

from __future__ import annotations


def window_starts(length: int, window: int) -> list[int]:
    """Where windows of one dimension start.

    The stride is two thirds of the window, so that neighbours share a third. The last window is
    shifted back to end with the image: all are of one size and none leaves the image.

    Args:
        length: pixels of the image along the dimension.
        window: pixels of a window, at least 1; one that exceeds the image is cut to it.

    Returns:
        First pixel of each window, ascending, from 0 to `length - window`.
    """
    last = max(0, length - window)
    stride = max(1, window * 2 // 3)
    return [*range(0, last, stride), last]


def overlap_counts(length: int, starts: list[int], window: int) -> list[int]:
    """How many windows cover each pixel of one dimension, [length]."""
    counts = [0] * length
    for start in starts:
        for pixel in range(start, min(start + window, length)):
            counts[pixel] += 1
    return counts
