"""Pictures of images for the page: upright, re-encoded, small ones for the list."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

THUMBNAIL = 160
"""Longest side of a small picture."""


def thumbnail(image: np.ndarray) -> bytes:
    """A small JPEG of an image [h, w, 3], uint8, RGB."""
    picture = Image.fromarray(image)
    picture.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return _jpeg(picture, 80)


def full(image: np.ndarray) -> bytes:
    """A JPEG of the whole image, of high quality: labels are drawn over it, nothing is measured."""
    return _jpeg(Image.fromarray(image), 92)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=quality)
    return target.getvalue()
