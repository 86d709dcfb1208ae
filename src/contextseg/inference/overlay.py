"""Class colours over a photo."""

from __future__ import annotations

import math

import cv2
import numpy as np
from PIL import Image


def draw_overlay(
    image: np.ndarray,
    mask: np.ndarray,
    palette: np.ndarray,
    *,
    alpha: float,
    boundaries: bool,
    ignored: int | None = None,
) -> Image.Image:
    """Class colours blended over an image.

    Args:
        image: [h, w, 3], uint8, RGB.
        mask: class ids, [h, w], uint8.
        palette: colours by id, [256, 3], uint8, RGB.
        alpha: weight of the colours, 0 to 1.
        boundaries: draw pale lines between classes.
        ignored: id of pixels that keep the colours of the image.

    Raises:
        ValueError: alpha is out of range.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be in 0 to 1, got {alpha}.")
    ids = cv2.merge([mask, mask, mask])
    colors = cv2.LUT(ids, np.ascontiguousarray(palette[None], np.uint8))
    tinted = cv2.addWeighted(image, 1 - alpha, colors, alpha, 0)
    if boundaries:
        edges = _boundaries(mask)
        # Half transparent: poles and distant figures are all boundary, and must keep their colour.
        tinted[edges] = tinted[edges] // 2 + 127
    if ignored is not None:
        cv2.copyTo(image, (mask == ignored).view(np.uint8), tinted)
    return Image.fromarray(tinted)


def _boundaries(mask: np.ndarray) -> np.ndarray:
    """Pixels at a boundary between classes, [h, w], bool; lines are wider in large images."""
    edges = np.zeros(mask.shape, np.uint8)
    edges[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    edges[1:] |= mask[1:] != mask[:-1]
    width = max(1, round(math.sqrt(mask.size) / 800))
    if width > 1:
        edges = cv2.dilate(edges, np.ones((width, width), np.uint8))
    return edges.view(np.bool_)
