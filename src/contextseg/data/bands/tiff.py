"""TIFF files of any number of channels: interleaved, planar or a page each, in strips or tiles."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from contextseg.config.images import MOST_CHANNELS
from contextseg.data.bands.stored import Stored, require_readable
from contextseg.data.picture_files import ImageError, unreadable
from contextseg.system.extras import MissingPackageError, optional
from contextseg.system.failures import kind_of

EXTRA = "bands"
"""Extra of the package that brings what reads these files."""
PLAIN = 1
COMPRESSIONS = {
    PLAIN: "none", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits", 34925: "LZMA",
    50000: "zstd",
}  # fmt: skip
"""Compressions that are read: each returns the values that were written, and says how many before
memory is taken for them."""
_GREY, _RGB = 1, 2
_PREDICTORS = (1, 2, 3)


def tiff_header(name: str, file: BinaryIO) -> Stored:
    """Size and type of the image in a TIFF file.

    Raises:
        ImageError: it is damaged, too large, or of a kind that is not read; the message names it.
        MissingPackageError: the extra `bands` is not installed.
    """
    with _pages(name, file) as pages:
        return _stored(name, pages)


def read_tiff(name: str, file: BinaryIO) -> np.ndarray:
    """The image in a TIFF file, [h, w, C], of the type in the file.

    Args:
        name: of the file, for messages.
        file: opened for reading bytes.

    Raises:
        ImageError, MissingPackageError: as `tiff_header`.
    """
    with _pages(name, file) as pages:
        stored = _stored(name, pages)
        for page in pages:
            _require_kind(name, page)
        parts = [page.asarray(maxworkers=1) for page in pages]
        values = np.stack(parts, axis=2) if len(parts) > 1 else parts[0]
        if pages[0].axes == "SYX":
            values = np.moveaxis(values, 0, 2)
        return values.reshape(stored.shape)


@contextmanager
def _pages(name: str, file: BinaryIO) -> Iterator[list[Any]]:
    """The pages that make up the image; any exception in the block becomes an ImageError."""
    tifffile = optional("tifffile", EXTRA)
    # It logs what it finds wrong in a file, which the message says already.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)
    try:
        with tifffile.TiffFile(file, name=name, _multifile=False) as tiff:
            first = tiff.pages[0]
            if first.samplesperpixel > 1:
                yield [first]
                return
            yield [first, *_further(tiff.pages, first)]
    except (ImageError, MissingPackageError):
        raise
    except Exception as error:  # a damaged file can raise anything
        if kind_of(error):
            raise
        raise ImageError(unreadable(name, error)) from error


def _further(pages: Any, first: Any) -> Iterator[Any]:
    """Further pages of the size and type of the first: channels. Overviews and masks are not."""
    number = 1
    while number <= MOST_CHANNELS:
        try:
            page = pages[number]
        except IndexError:
            return
        number += 1
        if page.is_reduced or page.is_mask:
            continue
        if (page.shape, page.dtype) != (first.shape, first.dtype):
            return
        yield page


def _stored(name: str, pages: list[Any]) -> Stored:
    first = pages[0]
    if first.axes not in ("YX", "YXS", "SYX") or first.dtype is None:
        raise ImageError(
            f"{name}: is no image of rows, columns and channels, but has {first.axes} of shape "
            f"{list(first.shape)} with {first.bitspersample} bits a value."
        )
    channels = len(pages) if len(pages) > 1 else first.samplesperpixel
    stored = Stored(first.imagelength, first.imagewidth, channels, first.dtype)
    require_readable(name, stored)
    return stored


def _require_kind(name: str, page: Any) -> None:
    """Raise unless a page holds numbers as they were written, in parts of a bounded size."""
    compression = int(page.compression)
    if compression not in COMPRESSIONS:
        known = ", ".join(dict.fromkeys(COMPRESSIONS.values()))
        raise ImageError(
            f"{name}: its compression ({compression}) is not read, only {known}. Convert it, for "
            f"example with gdal_translate -co COMPRESS=DEFLATE."
        )
    if compression != PLAIN or page.predictor != 1:
        optional("imagecodecs", EXTRA)
    if int(page.photometric) not in (_GREY, _RGB) or int(page.predictor) not in _PREDICTORS:
        raise ImageError(
            f"{name}: does not hold plain values (photometric interpretation "
            f"{int(page.photometric)}, predictor {int(page.predictor)}). Save it with each channel "
            f"as it was measured."
        )
    if page.bitspersample != 8 * page.dtype.itemsize:
        raise ImageError(
            f"{name}: packs values of {page.bitspersample} bits. Save it with 8, 16 or 32 bits."
        )
    turned = page.tags.get(274)
    if turned is not None and turned.value != 1:
        raise ImageError(f"{name}: is stored turned (orientation {turned.value}). Save it upright.")
    part = math.prod(page.chunks)
    whole = page.imagelength * page.imagewidth * page.samplesperpixel
    most = 4 * max(whole, 1 << 20)  # a tile may reach beyond a small image
    if part > most:
        raise ImageError(f"{name}: is damaged: a part of {whole} values is said to hold {part}.")
