"""Open picture files: limit which formats are decoded, and how many pixels a file may have."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# The plug-ins of FORMATS; without them, PIL would import all that it has.
from PIL import (
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    ImageFile,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,
    WebPImagePlugin,  # noqa: F401
)

from contextseg.system.failures import kind_of

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
"""Formats that are decoded, whatever a file is called. Pillow would try some forty more: PostScript
starts a program, and many are so rare that nobody looks for their bugs."""
VARIABLE = "CONTEXTSEG_MAX_PIXELS"
"""Environment variable that overrides the maximum number of pixels."""
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION = 0x0112
_COLOURS, _WITH_ALPHA = (2, 5, 6, 8), 4
"""Photometric interpretations of a TIFF in colour (RGB, CMYK, YCbCr, Lab); its most channels."""


class ImageError(ValueError):
    """An image or mask cannot be read; the message names it."""


@contextmanager
def opened_picture(
    path: str | os.PathLike[str], data: bytes | None = None
) -> Iterator[ImageFile.ImageFile]:
    """A picture file in one of `FORMATS`, open for the duration of the block.

    Args:
        path: the file.
        data: its content, if it has already been read.

    Raises:
        ImageError: the file is missing, in another format, damaged or too large; also replaces
            whatever the decoders raise in the block.
    """
    try:
        with _header(path if data is None else io.BytesIO(data)) as (image, limit):
            columns, rows = image.size
            _require_pixels(path, rows, columns, limit)
            yield image
    except ImageError:
        raise
    except Exception as error:  # PIL's decoders raise whatever their libraries do
        if kind_of(error):
            raise
        raise ImageError(unreadable(path, error)) from error


@contextmanager
def _header(
    file: str | os.PathLike[str] | io.BytesIO,
) -> Iterator[tuple[ImageFile.ImageFile, int | None]]:
    """A picture of any size of which only the header has been read, and the limit of pixels."""
    with _own_limit() as limit, Image.open(file, formats=FORMATS) as image:
        yield image, limit


def require_size(path: str | os.PathLike[str], rows: int, columns: int) -> None:
    """Raise ImageError if a picture has too many pixels to decode."""
    with _own_limit() as limit:
        _require_pixels(path, rows, columns, limit)


def orientation(path: str | os.PathLike[str]) -> int:
    """How a JPEG or TIFF file is to be turned, from its header (EXIF); 1 if it is upright."""
    try:
        with _header(path) as (image, _):
            return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # of a variant that PIL does not know, and whose reader says what is wrong
        return 1


def tiff_size(data: bytes) -> tuple[int, int]:
    """Rows and columns of a TIFF file, from its header, for variants that PIL cannot read.

    Raises:
        ValueError: the header is damaged.
    """
    try:
        directory = _directory(data)
        return int(directory[257]), int(directory[256])
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(f"the header is damaged: {error}") from error


def bands_of(data: bytes) -> str | None:
    """What is in a file that holds channels rather than a photo, in words; None for any other.

    That is a NumPy array, and a TIFF of several channels that its header does not call red, green
    and blue, or of more than those and one of transparency.
    """
    if data.startswith(b"\x93NUMPY"):
        return "a NumPy array"
    if not data.startswith(TIFF_SIGNATURES):
        return None
    try:
        directory = _directory(data)
        channels, bits = int(directory.get(277, 1)), directory.get(258, (1,))[0]
        is_colour = directory.get(262) in _COLOURS and channels <= _WITH_ALPHA
    except Exception:  # damaged, which its reader will say
        return None
    return None if channels == 1 or is_colour else f"a TIFF of {channels} channels of {bits} bits"


def _directory(data: bytes) -> TiffImagePlugin.ImageFileDirectory_v2:
    """The tags of the first image in a TIFF file."""
    big = data[2:4] in (b"+\0", b"\0+")
    directory = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if big else 8])
    file = io.BytesIO(data)
    file.seek(directory.next)
    directory.load(file)
    return directory


def is_misread(image: ImageFile.ImageFile) -> bool:
    """Whether PIL unpacks a BMP file wrongly: a grey one with more bits per pixel than needed."""
    if image.format != "BMP" or image.mode not in ("1", "L") or image.fp is None:
        return False
    image.fp.seek(14)
    header = image.fp.read(16)
    at = 10 if header[0] == 12 else 14  # the older header is shorter
    bits = int.from_bytes(header[at : at + 2], "little")
    return bits != (1 if image.mode == "1" else 8)


def unreadable(path: str | os.PathLike[str], error: Exception) -> str:
    """The message for a file that cannot be decoded."""
    if isinstance(error, FileNotFoundError):
        return f"{path}: no such file."
    if isinstance(error, IsADirectoryError | PermissionError):
        return f"{path}: cannot be read: {error.strerror}."
    if isinstance(error, Image.UnidentifiedImageError):
        return (
            f"{path}: cannot be read: whatever its suffix, it is no {', '.join(FORMATS[:-1])} or "
            f"{FORMATS[-1]} file of a known kind, or it is damaged. Convert it to PNG."
        )
    return f"{path}: cannot be read; it may be truncated or damaged ({str(error).rstrip('.')})."


def _require_pixels(
    path: str | os.PathLike[str], rows: int, columns: int, limit: int | None
) -> None:
    pixels = rows * columns
    if limit is not None and pixels > limit:
        raise ImageError(
            f"{path}: has {rows} x {columns} = {pixels:,} pixels, more than the limit of "
            f"{limit:,}, which keeps small files from filling the memory. contextseg predict takes "
            f"it as a raster, of any size: -o FILE.tif (docs/rasters.md). Else cut it into tiles; "
            f"or, if you trust it, raise the limit with the environment variable "
            f"{VARIABLE}={pixels}."
        )


_LOCK = threading.Lock()
_users = 0
_theirs: int | None = None


@contextmanager
def _own_limit() -> Iterator[int | None]:
    """The maximum number of pixels (None for no limit), checked here instead of by PIL.

    By default, the limit is where PIL refuses a file: at twice `PIL.Image.MAX_IMAGE_PIXELS`, which
    is 178,956,970. PIL's own check is off during the block, in all threads: it would warn from half
    the limit on, and its message does not help.
    """
    global _users, _theirs
    with _LOCK:
        if not _users:
            _theirs, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _users += 1
        theirs = _theirs
    try:
        yield _chosen() or (None if theirs is None else 2 * theirs)
    finally:
        with _LOCK:
            _users -= 1
            if not _users:
                Image.MAX_IMAGE_PIXELS = _theirs


def _chosen() -> int | None:
    text = os.environ.get(VARIABLE, "").replace("_", "")
    if text and not (text.isdecimal() and int(text) > 0):
        raise ImageError(f"{VARIABLE} must be a whole number of pixels above 0, got {text!r}.")
    return int(text) if text else None


def _forget() -> None:
    """Reset the state in a forked process, which has none of the reading threads."""
    global _LOCK, _users
    _LOCK = threading.Lock()
    if _users:
        _users, Image.MAX_IMAGE_PIXELS = 0, _theirs


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
