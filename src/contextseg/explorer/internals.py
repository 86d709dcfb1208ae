"""What the prior of an image should be, according to its labels."""

from __future__ import annotations

import numpy as np

from contextseg.config.labels import IGNORED


def ideal_affinity(
    labels: np.ndarray,
    canvas: tuple[int, int],
    size: tuple[int, int],
    grid: tuple[int, int],
    pixel: tuple[int, int],
) -> np.ndarray:
    """The row of the ideal affinity map for one feature pixel, as the affinity loss sees it.

    Args:
        labels: of the image, [h, w], uint8.
        canvas: rows and columns that the features cover.
        size: rows and columns of the features.
        grid: rows and columns of the keys.
        pixel: row and column of the feature pixel.

    Returns:
        [*grid], float32: 1 where a key has the class of the pixel, 0 where it has another, NaN
        where either is ignored or beyond the image.
    """
    height, width = labels.shape
    whole = np.full(canvas, IGNORED, np.uint8)
    whole[:height, :width] = labels[: canvas[0], : canvas[1]]
    own = _nearest(whole, size)[pixel]
    keys = _nearest(whole, grid)
    affinity = (keys == own).astype(np.float32)
    affinity[(keys == IGNORED) | (own == IGNORED)] = np.nan
    return affinity


def _nearest(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels of the upper left pixel of each cell, as in training."""
    rows, columns = (
        np.arange(count) * length // count for count, length in zip(size, labels.shape, strict=True)
    )
    return labels[rows[:, None], columns]
