"""Read the values of a mask file exactly as stored, or refuse it if they cannot be trusted."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin

from contextseg.data.picture_files import ImageError, is_misread, opened_picture

FORMATS = ("PNG", "BMP", "TIFF")
"""Formats that preserve the values that a program writes."""
_LOSSY = "lossy compression may change its ids"
_REFUSED = {
    "JPEG": _LOSSY,
    "MPO": _LOSSY,
    "WEBP": _LOSSY,
    "GIF": "programs number the colours of each GIF anew, so its values are no ids",
}
_SHOWN_AS_WHITE, _BILEVEL_OR_GREY = 0, "1LIF"
_LOSSY_TIFF = (6, 7, 34712, 50001)  # JPEG of two kinds, JPEG 2000, WebP


@dataclass(frozen=True, slots=True)
class StoredMask:
    """The content of a mask file."""

    values: np.ndarray
    """[h, w], uint8 or uint16: indices of a palette file, values of a grey one, 0 and 1 of a 1-bit
    one; or [h, w, 3], uint8: the colours of an RGB file, without alpha."""
    mode: str
    """PIL's mode of the file: `P`, `L`, `1`, `I;16`, `RGB`, ..."""
    white: int | None
    """Largest value that a pixel of a grey file can have, at most 65535; None for other files."""
    palette: np.ndarray | None
    """Colours of a palette file by index, [n, 3], uint8; None for other files, and if the palette
    is just the greys from black to white, which makes it a grey file."""


def read_stored_mask(path: str | os.PathLike[str], data: bytes | None = None) -> StoredMask:
    """Read the values of a mask file.

    Args:
        path: the file.
        data: its content, if it has been read already; `path` then only names it.

    Raises:
        ImageError: the file is missing, truncated, too large, or of a kind that may not preserve
            the ids that were written.
    """
    with opened_picture(path, data) as opened:
        bits = _bits(opened)
        _require_exact(path, opened, bits)
        image = ImageOps.exif_transpose(opened)
        image.load()
        return _stored(path, image, bits)


def _stored(path: str | os.PathLike[str], image: Image.Image, bits: int) -> StoredMask:
    mode, array = image.mode, np.array(image)
    if mode in ("LA", "PA"):
        mode, array = mode[0], array[..., 0]
    if mode == "P":
        palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
        if not np.array_equal(palette, np.arange(256)[:, None].repeat(3, axis=1)):
            return StoredMask(array, mode, None, palette)
        mode = "L"
    if mode == "L":
        # PIL stretches 2- and 4-bit grey to the full range; ids are the values as stored.
        white = 2 ** min(bits, 8) - 1
        return StoredMask(array // (255 // white), mode, white, None)
    if mode == "1":
        return StoredMask(array.astype(np.uint8), mode, None, None)
    if mode in ("RGB", "RGBA"):
        return StoredMask(array[..., :3], mode, None, None)
    if mode.startswith("I"):
        low, high = int(array.min()), int(array.max())
        if low < 0 or high > 65535:
            raise ImageError(
                f"{path}: the mask holds values from {low} to {high}, but ids are 0 to 255. Save "
                f"it with 8 or 16 bits a pixel."
            )
        return StoredMask(array.astype(np.uint16), mode, 2 ** min(bits, 16) - 1, None)
    raise ImageError(
        f"{path}: a mask must be a palette, grey, 1-bit or RGB image, got PIL mode {mode}. Save it "
        f"as a PNG of ids."
    )


def _bits(image: ImageFile.ImageFile) -> int:
    """Bits per value in the file, from PIL's instructions for unpacking it."""
    arguments = image.tile[0].args if image.tile else ""
    raw_mode = arguments[0] if isinstance(arguments, tuple) else arguments
    number = re.search(r";(\d+)", str(raw_mode))
    return int(number[1]) if number else 1 if image.mode == "1" else 8


def _require_exact(path: str | os.PathLike[str], image: ImageFile.ImageFile, bits: int) -> None:
    """Refuse a file if PIL may return other ids than were written."""
    reason = _REFUSED.get(image.format or "")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags = image.tag_v2
        if tags.get(259) in _LOSSY_TIFF:
            reason = _LOSSY
        elif tags.get(262, 0) == _SHOWN_AS_WHITE and image.mode[0] in _BILEVEL_OR_GREY:
            reason = (
                "it stores 0 for white (PhotometricInterpretation 0), and programs disagree on "
                "whether its ids are the values in the file or these values inverted"
            )
    if is_misread(image):
        reason = "it is a BMP file with more bits a pixel than its few greys need"
    if len(image.getbands()) > 1 and bits != 8:
        reason = f"its {len(image.getbands())} channels have {bits} bits each instead of 8"
    if image.format not in FORMATS and reason is None:
        reason = f"{image.format} is none of {', '.join(FORMATS)}"
    if reason is not None:
        raise ImageError(f"{path}: cannot be a mask: {reason}. Save the mask as PNG.")
