"""Pictures of images that are no photos: three of their channels, stretched."""

from __future__ import annotations

import numpy as np

from contextseg.config import RGB, ImagesConfig
from contextseg.data.bands.values import stretched


def display(pixels: np.ndarray, images: ImagesConfig = RGB) -> np.ndarray:
    """An image as people can look at it.

    Args:
        pixels: as `read_pixels` returns it, [h, w, C].
        images: what it is.

    Returns:
        [h, w, 3], uint8: a photo itself; of other images the channels `images.display` (the first
        three, or the first alone of fewer), each from black at its percentile 2 to white at 98.
    """
    if images.is_rgb:
        return pixels
    shown = images.display or ((0, 1, 2) if images.count >= 3 else (0, 0, 0))
    return stretched(pixels[..., list(shown)])
