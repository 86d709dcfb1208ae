"""Labels drawn over an image: class colours, hatched where ignored, red where wrong."""

from __future__ import annotations

import cv2
import numpy as np

from contextseg.config.labels import IGNORED
from contextseg.data.classes import Classes
from contextseg.inference.overlay import draw_overlay

OPACITY = 0.6
"""Weight of the class colours."""
WRONG = (206, 24, 74)
"""Colour of wrong pixels; it differs from the grey image around it in lightness, too."""
HATCHED = (150, 150, 150)
"""Colour that stands for hatched areas in a legend."""
_STRIPE = 8
"""Width of a dark and a light stripe together, in pixels."""


def as_rgb(image: np.ndarray) -> np.ndarray:
    """An image of any number of channels and any kind of number, as RGB.

    Args:
        image: [C, h, w]; of more than three channels, the first three are taken, else the first.
            Values other than uint8 are stretched: the 1st percentile becomes black, the 99th white.

    Returns:
        [h, w, 3], uint8.
    """
    channels = image[:3] if len(image) >= 3 else np.repeat(image[:1], 3, axis=0)
    if channels.dtype != np.uint8:
        values = channels.astype(np.float32)
        finite = values[np.isfinite(values)]
        low, high = np.percentile(finite, (1, 99)) if finite.size else (0.0, 1.0)
        stretched = (np.nan_to_num(values) - low) * (255 / max(high - low, 1e-9))
        channels = stretched.clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(channels.transpose(1, 2, 0))


def fitted(picture: np.ndarray, longest: int) -> np.ndarray:
    """A picture [h, w, 3], or labels [h, w], uint8, whose longer side is at most `longest`."""
    scale = longest / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    # The average of two labels is no class, so labels are shrunk by picking pixels.
    how = cv2.INTER_AREA if picture.ndim == 3 else cv2.INTER_NEAREST_EXACT
    return cv2.resize(picture, size, interpolation=how)


def draw_labels(image: np.ndarray, labels: np.ndarray, classes: Classes) -> np.ndarray:
    """Class colours over an image, with pale lines between classes; ignored pixels are hatched.

    Args:
        image: [h, w, 3], uint8, RGB.
        labels: [h, w], uint8, 0 to L - 1 or 255.
        classes: the L classes.

    Returns:
        [h, w, 3], uint8, RGB.
    """
    palette = np.zeros((256, 3), np.uint8)
    palette[: classes.num_classes] = classes.colors
    drawn = draw_overlay(image, labels, palette, alpha=OPACITY, boundaries=True)
    return _hatched(np.array(drawn), image, labels == IGNORED)


def draw_errors(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Wrong pixels in red over a pale grey image; pixels that the truth ignores are hatched.

    Args:
        image: [h, w, 3], uint8, RGB.
        truth: labels [h, w], uint8.
        prediction: labels [h, w], uint8.

    Returns:
        [h, w, 3], uint8, RGB.
    """
    drawn = np.repeat(_pale(image)[..., None], 3, axis=2)
    wrong = (truth != prediction) & (truth != IGNORED)
    drawn[wrong] = (0.35 * drawn[wrong] + 0.65 * np.array(WRONG)).astype(np.uint8)
    return _hatched(drawn, image, truth == IGNORED)


def _hatched(drawn: np.ndarray, image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """`drawn`, with diagonal stripes over the grey image at `where`."""
    height, width = where.shape
    dark = (np.arange(height)[:, None] + np.arange(width)) % _STRIPE < 2
    grey = _pale(image)
    drawn[where] = grey[where, None]
    drawn[where & dark] = (70, 70, 70)
    return drawn


def _pale(image: np.ndarray) -> np.ndarray:
    """Brightness [h, w], uint8, with little contrast, so that marks stand out."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) // 2 + 110
