"""Read images for a network: photos as they always were, others with their own channels."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageOps

from contextseg.config import RGB, ImagesConfig
from contextseg.data.bands.array_file import SIGNATURE, array_header, read_array
from contextseg.data.bands.stored import Stored, require_readable
from contextseg.data.bands.tiff import read_tiff, tiff_header
from contextseg.data.bands.values import to_pixels
from contextseg.data.image_sources import EncodedImage, is_encoded, without_batch
from contextseg.data.images import ImageSource, image_size, read_image, require_file
from contextseg.data.picture_files import TIFF_SIGNATURES, ImageError, opened_picture, unreadable
from contextseg.system.failures import kind_of

_LONGEST_SIGNATURE = max(len(SIGNATURE), 4)
_DEPTH = 24
"""Place of the bits of a value in a PNG file."""


def images_in(dataset: object) -> ImagesConfig:
    """What the images of a dataset are, which its attribute `images` says; photos without one."""
    return getattr(dataset, "images", RGB)


def read_pixels(source: ImageSource, images: ImagesConfig = RGB) -> np.ndarray:
    """An image with the channels and the range of values that a network takes.

    Args:
        source: as for `read_image`; for other images than photos also a TIFF of any number of
            channels or a .npy file, by its path or content, and arrays [h, w, C] or tensors
            [C, h, w] of the values as they are stored.
        images: what the network takes.

    Returns:
        Of photos what `read_image` returns. Of others [h, w, `images.count`]: uint8, or, where a
        range of values is mapped, float32 on the scale 0 to 255.

    Raises:
        ImageError: the file is missing, damaged or too large, or has other channels or values.
        MissingPackageError: TIFF needs the extra `bands`.
    """
    if images.is_rgb:
        return read_image(source)
    values, name = _values(source)
    return to_pixels(values, images, name)


def read_values(path: str | os.PathLike[str]) -> np.ndarray:
    """The values in an image file as stored, [h, w, C], all channels.

    Raises:
        ImageError, MissingPackageError: as `read_pixels`.
    """
    return _values(path)[0]


def band_size(path: str | os.PathLike[str], images: ImagesConfig = RGB) -> tuple[int, int]:
    """Rows and columns of the image in a file, from its header.

    Raises:
        ImageError, MissingPackageError: as `read_pixels`.
    """
    if images.is_rgb:
        return image_size(path)
    stored = read_header(path)
    return image_size(path) if stored is None else stored.shape[:2]


def read_header(path: str | os.PathLike[str]) -> Stored | None:
    """Size and type of the image in a TIFF or .npy file; None for other files.

    Raises:
        ImageError, MissingPackageError: as `read_pixels`.
    """
    require_file(path)
    with _opened(path) as (file, begin):
        if begin.startswith(SIGNATURE):
            return array_header(str(path), file)
        return tiff_header(str(path), file) if begin.startswith(TIFF_SIGNATURES) else None


def _values(source: ImageSource) -> tuple[np.ndarray, str]:
    """The values of an image, [h, w, C], and its name."""
    if isinstance(source, str | os.PathLike):
        require_file(source)
        return _of_file(source, str(source)), str(source)
    if isinstance(source, Image.Image):
        name = getattr(source, "filename", "") or "the PIL image"
        return _of_picture(source, name), name
    if isinstance(source, np.ndarray):
        return _with_channels(without_batch(source)), "the array"
    if is_encoded(source):
        content = EncodedImage(source)
        return _of_file(content.read_bytes(), str(content)), str(content)
    if hasattr(source, "detach"):  # a tensor, without importing torch
        tensor: Any = source.detach().cpu()
        array = without_batch(
            (tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy()
        )
        return _with_channels(np.moveaxis(array, 0, 2) if array.ndim == 3 else array), "the tensor"
    raise ImageError(
        f"An image must be a path, a file object, a PIL image, an array or a tensor, got "
        f"{type(source).__name__}."
    )


def _with_channels(array: np.ndarray) -> np.ndarray:
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.size == 0 or array.dtype.kind not in "uif":
        raise ImageError(
            f"The image must be numbers [h, w, C] (a tensor [C, h, w]), got {array.dtype} "
            f"{list(array.shape)}."
        )
    return array


def _of_file(file: str | os.PathLike[str] | bytes, name: str) -> np.ndarray:
    with _opened(file) as (opened, begin):
        if begin.startswith(SIGNATURE):
            return read_array(name, opened)
        if begin.startswith(TIFF_SIGNATURES):
            return read_tiff(name, opened)
        data = opened.read()
    with opened_picture(name, data) as picture:
        if data.startswith(b"\x89PNG") and data[_DEPTH] == 16:  # PIL cuts most to 8 bits
            return _deep_png(name, data, picture)
        return _of_picture(picture, name)


@contextmanager
def _opened(file: str | os.PathLike[str] | bytes) -> Iterator[tuple[BinaryIO, bytes]]:
    """A file, and how it begins."""
    with io.BytesIO(file) if isinstance(file, bytes) else _of_path(Path(file)) as opened:
        begin = opened.read(_LONGEST_SIGNATURE)
        opened.seek(0)
        yield opened, begin


def _of_path(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        if kind_of(error):
            raise
        raise ImageError(unreadable(path, error)) from error


def _of_picture(picture: Image.Image, name: str) -> np.ndarray:
    """The channels of a picture of another format: grey, red, green and blue, alpha as the last."""
    upright = ImageOps.exif_transpose(picture)
    if upright.mode in ("P", "1"):
        upright = upright.convert("RGB" if upright.mode == "P" else "L")
    if upright.mode not in ("L", "LA", "RGB", "RGBA", "I", "F") and not upright.mode.startswith(
        "I;"
    ):
        raise ImageError(f"{name}: pictures of PIL mode {upright.mode} have no channels to take.")
    values = np.array(upright)
    return values[..., None] if values.ndim == 2 else values


def _deep_png(name: str, data: bytes, picture: Image.Image) -> np.ndarray:
    columns, rows = picture.size
    require_readable(name, Stored(rows, columns, len(picture.getbands()), np.dtype(np.uint16)))
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ImageError(f"{name}: cannot be read; it may be truncated or damaged.")
    if values.ndim == 2:
        return values[..., None]
    order = [2, 1, 0, *range(3, values.shape[2])]  # OpenCV has blue first
    return values[..., order]
