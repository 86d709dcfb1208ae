"""Pictures as part of a text: encoded, in data addresses."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image


def shrunk(image: np.ndarray, mask: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """An image and its mask with at most `longest` pixels a side; smaller ones as they are.

    Args:
        image: [h, w, 3], uint8, RGB.
        mask: [h, w], uint8. The average of two classes is no class, so pixels are picked from it.
        longest: pixels.
    """
    height, width = mask.shape
    scale = longest / max(height, width)
    if scale >= 1:
        return image, mask
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picked = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)), np.asarray(picked)


def jpeg_address(picture: Image.Image) -> str:
    """A picture as a JPEG in a data address."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85, optimize=True)
    return address("jpeg", buffer.getvalue())


def png(picture: Image.Image) -> bytes:
    """A picture as a PNG, with all of its colours: fewer would change those of a legend."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def address(kind: str, content: bytes) -> str:
    """An encoded picture of a kind (`png`, `jpeg`) as a data address."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
