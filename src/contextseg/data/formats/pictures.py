"""Image files on their way into a folder: names, copies and links."""

from __future__ import annotations

import errno
import os
import shutil
import unicodedata
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Literal

from contextseg.data.formats.log import FormatError, Log
from contextseg.data.formats.objects import Item
from contextseg.data.picture_files import opened_picture
from contextseg.data.suffixes import IMAGE_SUFFIXES

Images = Literal["copy", "hardlink", "symlink"]
"""How images come into the new folder."""
_RESERVED = '<>:"/\\|?*'
"""Letters that Windows does not allow in names of files."""
_LONGEST = 200
"""Bytes of a name; file systems allow 255 with the suffix."""
_SUFFIX_OF = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif"}


class Names:
    """Names of images without folder and suffix, each once in a split, whatever the case.

    Args:
        log: told of images that get another name than their own.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._taken: dict[str, set[str]] = defaultdict(set)

    def free(self, reference: str, split: str) -> str:
        """A name that is not taken: the file's own, or one with the folders before it."""
        parts = [part for part in PurePosixPath(reference).with_suffix("").parts if part != "/"]
        own = plain_name(parts[-1] if parts else "image")
        long = plain_name("__".join(parts)) if parts else own
        names = [
            own,
            long,
            *(f"{long}_{number}" for number in range(2, len(self._taken[split]) + 3)),
        ]
        name = next(name for name in names if name.casefold() not in self._taken[split])
        if name != own:
            self._log.note(f"{reference} is named {name}: another image is named {own}.")
        return name

    def take(self, name: str, split: str) -> None:
        """Mark a name as taken."""
        self._taken[split].add(name.casefold())


def plain_name(name: str) -> str:
    """A name that every file system takes, that leads nowhere else, and that is not hidden."""
    letters = ("_" if c in _RESERVED or unicodedata.category(c)[0] == "C" else c for c in name)
    name = "".join(letters).strip(" ")
    while len(name.encode("utf-8", "replace")) > _LONGEST:
        name = name[:-1]
    return "_" + name[1:] if name.startswith(".") else name or "image"


def place_image(item: Item, folder: Path, name: str, images: Images) -> Path:
    """Write, copy or link the image of an item into a folder.

    Returns:
        The new file.

    Raises:
        FormatError: its format is not one of images of a data set.
        ImageError: the content of an image that was in the export is no image.
    """
    suffix = _suffix(item)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{suffix}"
    if isinstance(item.picture, bytes):
        path.write_bytes(item.picture)
    else:
        bring(item.picture, path, images)
    return path


def _suffix(item: Item) -> str:
    if isinstance(item.picture, Path):
        suffix = item.picture.suffix.lower()
        if suffix not in IMAGE_SUFFIXES:
            raise FormatError(
                f"images of the kind {suffix or 'without suffix'} are not read; convert it to one "
                f"of {', '.join(sorted(IMAGE_SUFFIXES))}"
            )
        return suffix
    with opened_picture(item.reference, item.picture) as image:
        suffix = _SUFFIX_OF.get(image.format or "")
    if suffix is None:
        raise FormatError(f"images of the format {image.format} are not read; convert it to PNG")
    return suffix


def bring(source: Path, target: Path, images: Images) -> None:
    """Copy or link a file.

    Raises:
        OSError: the file system does not allow it; the message says what does work.
    """
    try:
        if images == "hardlink":
            os.link(source.resolve(), target)
        elif images == "symlink":
            target.symlink_to(source.resolve())
        else:
            shutil.copyfile(source, target)
    except OSError as error:
        if images == "copy" or error.errno in (errno.ENOSPC, errno.ENOENT):
            raise
        raise OSError(
            error.errno, f"cannot be linked ({error.strerror}); --images copy can", str(source)
        ) from None
