"""Read an image from a path or a URL."""

from __future__ import annotations

import os

import numpy as np

from contextseg.data.image_sources import NamedContent
from contextseg.data.images import ImageError, image_size, read_image
from contextseg.system.addresses import is_url
from contextseg.system.remote import RemoteError, fetch


def pixels_of(source: str, base: str) -> int:
    """Pixels of an image, from its header; 0 for a URL.

    Args:
        source: as in a manifest.
        base: folder that relative paths start from.
    """
    if is_url(source):
        return 0
    height, width = image_size(os.path.join(base, source))
    return height * width


def read_source(source: str, base: str) -> np.ndarray:
    """An image as `read_image` returns it.

    Raises:
        ImageError: it cannot be read; the message names the source as the manifest does.
    """
    if not is_url(source):
        path = os.path.join(base, source)
        try:
            return read_image(path)
        except ImageError as error:
            raise ImageError(str(error).replace(path, source)) from error
    try:
        content = fetch(source)
    except RemoteError as error:
        raise ImageError(str(error)) from error
    return read_image(NamedContent(content, source))
