"""Read and write image and mask files."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

from contextseg.data.image_sources import (
    EncodedImage,
    as_common_mode,
    is_encoded,
    tensor_to_array,
    without_batch,
)
from contextseg.data.mask_files import read_stored_mask
from contextseg.data.picture_files import (
    TIFF_SIGNATURES,
    bands_of,
    is_misread,
    opened_picture,
    require_size,
    tiff_size,
    unreadable,
)
from contextseg.data.picture_files import ImageError as ImageError  # exported, to type checkers too
from contextseg.data.walk import why_not_regular
from contextseg.system.addresses import refuse_address
from contextseg.system.atomic_files import write_bytes
from contextseg.system.failures import kind_of

ImageSource = str | os.PathLike[str] | Image.Image | np.ndarray | Any
"""A path, a file object or the bytes of a file, a PIL image, a numpy array or a torch tensor."""

_ORIENTATION = 0x0112  # EXIF tag; 5 to 8 swap rows and columns


def read_image(source: ImageSource) -> np.ndarray:
    """An image as 8-bit RGB, upright.

    Args:
        source: a path, a file object opened with mode `rb`, the bytes of a file, or a PIL image
            (rotated according to EXIF; the first of several frames); or an array or tensor: uint8,
            uint16 or floats in 0 to 1, [h, w], [h, w, C] or, for tensors, [C, h, w], with C = 1
            (grey), 3 (RGB) or 4 (RGB and alpha), any strides, alone or as a batch of one.

    Returns:
        [h, w, 3], uint8, RGB. 16-bit values are scaled to 8 bits, grey is repeated, CMYK is
        converted, and transparent pixels are blended with white.

    Raises:
        ImageError: the file is missing, truncated or not an image, or the array has another shape
            or range. The message names it.
    """
    if isinstance(source, str | os.PathLike):
        require_file(source)
        return _read_file(Path(source))
    if isinstance(source, Image.Image):
        try:
            return _to_rgb(as_common_mode(source), "The PIL image")
        except ImageError:
            raise
        except Exception as error:  # PIL's decoders raise whatever their libraries do
            if kind_of(error):
                raise
            name = getattr(source, "filename", "") or "The PIL image"
            raise ImageError(f"{name} cannot be read: {str(error).rstrip('.')}.") from error
    if isinstance(source, np.ndarray):
        return _array_to_rgb(without_batch(source))
    if is_encoded(source):
        return _read_file(EncodedImage(source))
    if hasattr(source, "detach"):  # a tensor, without importing torch
        return _array_to_rgb(tensor_to_array(source))
    raise ImageError(
        f"An image must be a path, a file object, a PIL image, an array or a tensor, got "
        f"{type(source).__name__}."
    )


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Rows and columns that `read_image` will return, from the file's header alone.

    Raises:
        ImageError: the file is missing, too large, or not an image.
    """
    require_file(path)
    try:
        with opened_picture(path) as image:
            columns, rows = image.size
            # PIL would decode all pixels of a PNG to look for EXIF data after them.
            bare = image.format == "PNG" and b"eXIf" not in Path(path).read_bytes()
            turned = not bare and image.getexif().get(_ORIENTATION, 1) >= 5
    except ImageError as error:
        if not isinstance(error.__cause__, Image.UnidentifiedImageError):
            raise
        return _read_file(Path(path)).shape[:2]
    return (columns, rows) if turned else (rows, columns)


def read_mask(path: str | os.PathLike[str]) -> np.ndarray:
    """The ids in a mask file, or its colours.

    Returns:
        [h, w], uint8 or uint16: indices of a palette file, values of a grey one, 0 and 1 of a
        1-bit one; or [h, w, 3], uint8, of an RGB file (its alpha is dropped).

    Raises:
        ImageError: as `contextseg.data.mask_files.read_stored_mask`.
    """
    return read_mask_and_mode(path)[0]


def read_mask_and_mode(path: str | os.PathLike[str]) -> tuple[np.ndarray, str]:
    """What `read_mask` returns, and the PIL mode of the file: `P`, `L`, `1`, `RGB`, ..."""
    require_file(path)
    mask = read_stored_mask(path)
    return mask.values, mask.mode


def write_mask(path: str | os.PathLike[str], ids: np.ndarray, palette: np.ndarray) -> None:
    """Write ids as a palette PNG, atomically.

    Args:
        path: file to write; its suffix is .png.
        ids: [h, w], uint8.
        palette: colours by id, [256, 3], uint8, RGB (`Classes.palette`).
    """
    write_bytes(path, encode_mask(ids, palette))


def encode_mask(ids: np.ndarray, palette: np.ndarray) -> bytes:
    """The content of the file that `write_mask` writes."""
    image = Image.fromarray(np.ascontiguousarray(ids, np.uint8))
    image.putpalette(np.ascontiguousarray(palette, np.uint8).tobytes())
    content = io.BytesIO()
    image.save(content, format="PNG")
    return content.getvalue()


def require_file(path: str | os.PathLike[str]) -> None:
    """Raise unless there is a regular file: reading from a named pipe would block."""
    try:
        refuse_address(path)
    except ValueError as error:
        raise ImageError(str(error)) from None
    reason = why_not_regular(path)
    if reason is not None and os.path.lexists(path):
        raise ImageError(f"{path}: cannot be read ({reason}).")


def _read_file(file: Path | EncodedImage) -> np.ndarray:
    path = str(file)
    try:
        data = file.read_bytes()
    except OSError as error:
        if kind_of(error):
            raise
        raise ImageError(unreadable(path, error)) from error
    if _is_plain_webp(data):
        # PIL decodes a still WebP as an animation: the same pixels in nearly twice the time.
        columns, rows = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (26, 28))
        require_size(path, rows, columns)
        image = _decoded(data)
        if image is not None:
            return image
    try:
        with opened_picture(path, data) as opened:
            use_opencv = _is_plain(opened, data) or is_misread(opened)
            image = _decoded(data) if use_opencv else None
            return _to_rgb(opened, f"{path}: the image") if image is None else image
    except ImageError as error:
        if isinstance(error.__cause__, Image.UnidentifiedImageError):
            return _read_deep(path, data, error)
        raise


def _decoded(data: bytes) -> np.ndarray | None:
    """What OpenCV makes of a file; None if it gives up, as PIL may not."""
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        if kind_of(error):
            raise
        return None


def _read_deep(path: str, data: bytes, error: ImageError) -> np.ndarray:
    """Read a 16-bit colour TIFF, which PIL does not support."""
    bands = bands_of(data)
    if bands is not None:
        raise ImageError(
            f"{path}: holds {bands}, not a photo. A model for photos takes 8-bit RGB; one for such "
            f"images is trained with data.channels (docs/data.md), and reads them itself."
        ) from error
    if not data.startswith(TIFF_SIGNATURES):
        raise error
    try:
        require_size(path, *tiff_size(data))
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except ImageError:
        raise
    except (ValueError, cv2.error) as broken:
        if kind_of(broken):
            raise
        raise error from broken
    if image is None:
        raise error
    return _array_to_rgb(image, f"{path}: the image")


def _is_plain_webp(data: bytes) -> bool:
    """Whether the file is a lossy WebP without alpha, EXIF data or animation."""
    return data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8 "


def _is_plain(image: Image.Image, data: bytes) -> bool:
    """Whether a file is an upright 8-bit RGB JPEG or PNG that is complete.

    OpenCV decodes these to the same pixels in three quarters of the time, but does not report
    truncated files.
    """
    if image.mode != "RGB" or "transparency" in image.info:
        return False
    if image.format == "JPEG":
        return data.endswith(b"\xff\xd9") and image.getexif().get(_ORIENTATION, 1) == 1
    depth = data[24]  # after signature, length and name of the header, width and height
    whole = data.endswith(b"IEND\xaeB`\x82") and b"eXIf" not in data
    return image.format == "PNG" and depth == 8 and whole


def _to_rgb(image: Image.Image, name: str) -> np.ndarray:
    """A PIL image, turned upright, as [h, w, 3], uint8; messages begin with `name`."""
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        array = np.array(image)
        if image.mode != "F":
            if array.min() < 0 or array.max() > 65535:
                raise ImageError(
                    f"{name} has values from {array.min()} to {array.max()}, where 16 bits a pixel "
                    f"end at 65535. Save it with 8 or 16 bits."
                )
            bits = tags.get(258, (16,))[0]
            if bits == 12:
                array = array.astype(np.float32) * (65535 / 4095)
            array = array.astype(np.uint16)
            if bits == 16 and tags.get(262) == 0:  # 0 is white, which PIL minds up to 8 bits only
                array = 65535 - array
        return _array_to_rgb(array, name)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _array_to_rgb(array: np.ndarray, name: str = "The image") -> np.ndarray:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or array.size == 0:
        raise ImageError(
            f"{name} must be [h, w], or [h, w, C] with C = 1, 3 or 4 channels, got "
            f"{list(array.shape)}. Choose three channels, or one image of a batch."
        )
    array = _to_8_bits(array, name)
    if array.shape[2] == 4:
        image = Image.fromarray(np.ascontiguousarray(array))
        return np.array(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image))[
            ..., :3
        ].copy()
    if array.shape[2] == 1:
        array = array.repeat(3, axis=2)
    return np.ascontiguousarray(array)


def _to_8_bits(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):  # NaN too
            raise ImageError(
                f"{name} has floats from {low:.3g} to {high:.3g}, where 0 to 1 is expected. Give "
                f"the image before normalisation, or as uint8."
            )
        return (array * 255).round().astype(np.uint8)
    raise ImageError(f"{name} must be uint8, uint16 or floats in 0 to 1, got {array.dtype}.")
