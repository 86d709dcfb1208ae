"""Pieces of similar colour, for painting by the piece."""

from __future__ import annotations

import cv2
import numpy as np

SEGMENTS = 1500
"""Pieces of an image: fewer than a thousand are coarser than the network itself."""
PIXELS = 1_000_000
"""Larger images are cut up at about this size: pieces need no finer edges."""
ITERATIONS = 6
COMPACTNESS = 12.0
"""Weight of the distance in pixels against that of the colour."""


def superpixels(image: np.ndarray, segments: int = SEGMENTS) -> np.ndarray:
    """Cut an image into pieces by simple linear iterative clustering.

    Args:
        image: [h, w, 3], uint8, RGB.
        segments: about how many pieces.

    Returns:
        Number of the piece of each pixel, [h, w], int32, from 0. Pieces may have several parts.

    Source: Achanta et al., "SLIC Superpixels", TPAMI 2012: k-means of colour and place, in which a
    pixel is compared with the nine nearest centres of the first grid.
    """
    height, width = image.shape[:2]
    factor = min(1.0, (PIXELS / (height * width)) ** 0.5)
    small = image
    if factor < 1:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    pieces = _slic(small, segments)
    if factor < 1:
        pieces = cv2.resize(pieces, (width, height), interpolation=cv2.INTER_NEAREST)
    return pieces.astype(np.int32)


def _slic(image: np.ndarray, segments: int) -> np.ndarray:
    height, width = image.shape[:2]
    side = max(1.0, (height * width / segments) ** 0.5)
    rows, columns = max(1, round(height / side)), max(1, round(width / side))
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    weight = COMPACTNESS / side
    features = np.dstack([lab, y * weight, x * weight])  # [h, w, 5]
    row = np.minimum(np.arange(height) * rows // height, rows - 1)
    column = np.minimum(np.arange(width) * columns // width, columns - 1)
    home = row[:, None] * columns + column  # [h, w], cell of the grid
    pieces = home
    for _ in range(ITERATIONS):
        centres = _means(features, pieces, rows * columns)
        best = np.full((height, width), np.inf, np.float32)
        found = pieces.copy()
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                near_row = np.clip(row + down, 0, rows - 1)
                near_column = np.clip(column + right, 0, columns - 1)
                near = near_row[:, None] * columns + near_column
                distance = ((features - centres[near]) ** 2).sum(2)
                closer = distance < best
                best[closer] = distance[closer]
                found[closer] = near[closer]
        pieces = found
    return pieces.astype(np.float32)


def _means(features: np.ndarray, pieces: np.ndarray, count: int) -> np.ndarray:
    """Mean feature of each piece, [count, 5]; an empty piece is out of reach."""
    flat = pieces.ravel()
    sizes = np.bincount(flat, minlength=count)
    sums = [np.bincount(flat, features[..., k].ravel(), count) for k in range(features.shape[2])]
    means = np.stack(sums, 1) / np.maximum(sizes, 1)[:, None]
    means[sizes == 0] = 1e6
    return means.astype(np.float32)
