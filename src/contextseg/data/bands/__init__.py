"""Images of any number of channels and of any range of values, as multispectral cameras take them.

Photos (8-bit RGB) are read by `contextseg.data.images`, to which `read_pixels` leaves them.
"""

from __future__ import annotations

from contextseg.data.bands.display import display
from contextseg.data.bands.read import band_size, images_in, read_pixels

__all__ = ["band_size", "display", "images_in", "read_pixels"]
