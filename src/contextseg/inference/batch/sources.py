"""Read an image from a path or a URL."""

from __future__ import annotations

import functools
import io
import os
import time

import numpy as np

from contextseg.data.images import ImageError, image_size, read_image
from contextseg.inference.batch.manifest import is_address
from contextseg.system.failures import kind_of

ATTEMPTS = 3
"""How often a URL is read before it counts as unreadable."""
PAUSE = 1.0
"""Seconds before the second attempt; twice as many before the third."""


def require_filesystem(source: str) -> None:
    """Raise ValueError if fsspec has no file system for a URL, or lacks its package."""
    for part in source.split("::"):
        protocol, separator, _ = part.partition("://")
        if separator or "::" in source:
            _require_protocol(protocol)


@functools.cache
def _require_protocol(protocol: str) -> None:
    import fsspec

    try:
        fsspec.get_filesystem_class(protocol)
    except (ImportError, ValueError) as error:
        raise ValueError(f"{protocol}:// URLs cannot be opened: {error}") from error


def pixels_of(source: str, base: str) -> int:
    """Pixels of an image, from its header; 0 for a URL.

    Args:
        source: as in a manifest.
        base: folder that relative paths start from.
    """
    if is_address(source):
        return 0
    height, width = image_size(os.path.join(base, source))
    return height * width


def read_source(source: str, base: str) -> np.ndarray:
    """An image as `read_image` returns it.

    Raises:
        ImageError: it cannot be read; the message names the source as the manifest does.
    """
    if not is_address(source):
        path = os.path.join(base, source)
        try:
            return read_image(path)
        except ImageError as error:
            raise ImageError(str(error).replace(path, source)) from error
    content = _Named(_fetched(source))
    content.name = source
    return read_image(content)


class _Named(io.BytesIO):
    """The content of a file with its name, for messages."""

    name = ""


def _fetched(source: str) -> bytes:
    """The content behind a URL; a network may fail once, a missing file is missing."""
    import fsspec

    for attempt in range(1, ATTEMPTS + 1):
        try:
            with fsspec.open(source, "rb") as file:
                return file.read()  # pyright: ignore[reportAttributeAccessIssue]
        except Exception as error:  # each file system raises what its library does
            if kind_of(error):
                raise
            if isinstance(error, FileNotFoundError):
                raise ImageError(f"{source}: no such file.") from error
            if attempt == ATTEMPTS:
                said = str(error) or type(error).__name__
                raise ImageError(f"{source}: cannot be read ({said}).") from error
            time.sleep(PAUSE * attempt)
    raise AssertionError("unreachable")
