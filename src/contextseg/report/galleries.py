"""Picture files of a run in its report: shrunk, and embedded with their descriptions."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image

from contextseg.data.picture_files import ImageError, opened_picture
from contextseg.system.atomic_files import atomic_path

LARGEST = 1280
"""Maximum width of an embedded picture, in pixels."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures under one heading."""

    heading: str
    """The heading."""
    note: str
    """Plain text below it: what the pictures show."""
    files: Sequence[Path]
    """Files that `save_picture` has written."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture inside a page."""

    uri: str
    """A JPEG as a data URI."""
    description: str
    """What it shows, for readers who cannot see it."""
    size: tuple[int, int]
    """Its width and height in pixels."""


def save_picture(path: str | os.PathLike[str], picture: Image.Image, description: str) -> None:
    """Write a picture as JPEG, with its description as the file's comment, atomically."""
    comment = description.encode()[:1000]
    with atomic_path(path) as partial:
        # Without subsampling: it smears the colours of thin classes, such as poles.
        picture.save(partial, "JPEG", quality=90, subsampling=0, comment=comment)


def embedded(gallery: Gallery) -> list[Embedded]:
    """The pictures of a gallery; files that have gone are left out."""
    found = []
    for path in gallery.files:
        try:
            status = path.stat()
            found.append(_embedded(path, status.st_mtime_ns, status.st_size))
        except (OSError, ImageError):  # removed, or damaged by hand
            continue
    return found


@lru_cache(maxsize=32)
def _embedded(path: Path, changed: int, size: int) -> Embedded:
    """The picture in a file, as long as the file has not changed."""
    with opened_picture(path) as opened:
        comment = opened.info.get("comment", b"")
        picture = opened.copy()
        picture.thumbnail((LARGEST, 4 * LARGEST), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=80, comment=b"")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    description = comment.decode("utf-8", "replace") or path.stem
    return Embedded(f"data:image/jpeg;base64,{data}", description, picture.size)
