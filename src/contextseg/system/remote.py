"""Read files behind URLs, by fsspec: a network may fail once, a missing file is missing."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import BinaryIO, TypeVar, cast

from contextseg.system.failures import kind_of

ATTEMPTS = 3
"""How often a URL is read before it counts as unreadable."""
PAUSE = 1.0
"""Seconds before the second attempt; twice as many before the third."""

T = TypeVar("T")


class RemoteError(ValueError):
    """What is behind a URL cannot be read; the message names it."""


def require_filesystem(url: str) -> None:
    """Raise ValueError if fsspec has no file system for a URL, or lacks its package."""
    for part in url.split("::"):
        protocol, separator, _ = part.partition("://")
        if separator or "::" in url:
            _require_protocol(protocol)


@functools.cache
def _require_protocol(protocol: str) -> None:
    import fsspec

    try:
        fsspec.get_filesystem_class(protocol)
    except (ImportError, ValueError) as error:
        raise ValueError(f"{protocol}:// URLs cannot be opened: {error}") from error


def joined(url: str, name: str) -> str:
    """URL of a file in the folder that a URL names, also in a chain such as `simplecache::s3://a/b`."""
    parts = url.split("::")
    place = next((i for i, part in enumerate(parts) if "://" in part), len(parts) - 1)
    parts[place] = f"{parts[place].rstrip('/')}/{name}"
    return "::".join(parts)


def fetch(url: str, read: Callable[[BinaryIO], T] = lambda file: file.read()) -> T:
    """The content behind a URL.

    Args:
        url: as fsspec takes it.
        read: gets the opened file, and is called again if the network fails meanwhile.

    Returns:
        What `read` returns; by default, all bytes.

    Raises:
        RemoteError: there is no such file, or it cannot be read `ATTEMPTS` times.
    """
    import fsspec

    for attempt in range(1, ATTEMPTS + 1):
        try:
            with fsspec.open(url, "rb") as file:
                return read(cast(BinaryIO, file))
        except Exception as error:  # each file system raises what its library does
            if kind_of(error):
                raise
            if isinstance(error, FileNotFoundError):
                raise RemoteError(f"{url}: no such file.") from error
            if attempt == ATTEMPTS:
                said = str(error) or type(error).__name__
                raise RemoteError(f"{url}: cannot be read ({said}).") from error
            time.sleep(PAUSE * attempt)
    raise AssertionError("unreachable")
