"""Small PNG files inside JSON documents."""

from __future__ import annotations

import base64
import binascii
import io
import zlib

import numpy as np
from PIL import Image

from contextseg.data.formats.log import FormatError
from contextseg.data.formats.objects import Size
from contextseg.data.picture_files import ImageError, opened_picture


def png_values(text: str, size: Size, *, packed: bool = False) -> np.ndarray:
    """Values of a PNG in base64, [rows, columns]: grey, index or alpha.

    Args:
        text: base64.
        size: rows and columns of the image it is part of; it may not be larger.
        packed: the file is compressed once more by zlib.

    Raises:
        FormatError: it is no such file, or too large.
    """
    try:
        data = base64.b64decode(text, validate=True)
        if packed:
            limit = 16 * size[0] * size[1] + 65536  # more than any PNG of the size needs
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(data, limit)
            if unpacker.unconsumed_tail:
                raise FormatError("its mask unpacks to more bytes than the image has pixels")
        with opened_picture("the mask", data) as image:
            rows, columns = image.height, image.width
            array = np.array(image) if rows <= size[0] and columns <= size[1] else None
    except (binascii.Error, zlib.error, ImageError) as error:
        raise FormatError(f"its mask is no PNG in base64 ({error})") from None
    if array is None:
        raise FormatError(
            f"a mask of {rows} x {columns}, larger than the image of {size[0]} x {size[1]}"
        )
    return array if array.ndim == 2 else array[..., -1]


def png_text(values: np.ndarray, *, packed: bool = False) -> str:
    """A PNG in base64 of values [rows, columns], bool or uint8: what `png_values` reads."""
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="PNG")
    data = buffer.getvalue()
    return base64.b64encode(zlib.compress(data) if packed else data).decode("ascii")
