"""Images in `.npy` files: arrays [h, w, C] or [h, w], whose header is checked first."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

import numpy as np

from contextseg.data.bands.stored import Stored, require_readable
from contextseg.data.picture_files import ImageError
from contextseg.system.failures import kind_of

SIGNATURE = b"\x93NUMPY"
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_LONGEST_HEADER = 10_000


def array_header(name: str, file: BinaryIO) -> Stored:
    """Size and type of the image in a .npy file, which is left open at its values.

    Raises:
        ImageError: it is no image, holds Python objects, is too large, or is cut off.
    """
    return _header(name, file)[0]


def read_array(name: str, file: BinaryIO) -> np.ndarray:
    """The image in a .npy file, [h, w, C], of the type in the file.

    Raises:
        ImageError: as `array_header`.
    """
    stored, by_column = _header(name, file)
    values = np.frombuffer(file.read(stored.bytes), stored.dtype)
    values = values.reshape(stored.shape[::-1]).T if by_column else values.reshape(stored.shape)
    return values.astype(stored.dtype.newbyteorder("="), copy=False)


def _header(name: str, file: BinaryIO) -> tuple[Stored, bool]:
    # NumPy would take memory for as long a header as the file claims, up to 4 GiB.
    head = io.BytesIO(file.read(_LONGEST_HEADER + 64))
    try:
        version = np.lib.format.read_magic(head)
        if version not in _READERS:
            raise ValueError(f"its format is version {version[0]}.{version[1]}")
        shape, by_column, dtype = _READERS[version](head, max_header_size=_LONGEST_HEADER)
    except Exception as error:  # the header is a Python literal, which can fail in many ways
        if kind_of(error):
            raise
        first = str(error).strip().partition("\n")[0]
        raise ImageError(f"{name}: cannot be read as a .npy file ({first}).") from error
    if len(shape) not in (2, 3):
        raise ImageError(
            f"{name}: must hold one image [h, w, C] or [h, w], but holds {list(shape)}."
        )
    stored = Stored(shape[0], shape[1], shape[2] if len(shape) == 3 else 1, dtype)
    require_readable(name, stored)
    begin = head.tell()
    there = file.seek(0, os.SEEK_END) - begin
    file.seek(begin)
    if there < stored.bytes:
        raise ImageError(
            f"{name}: is cut off: {list(shape)} values of {dtype} take {stored.bytes} bytes, and "
            f"there are {there}."
        )
    return stored, bool(by_column)
