"""What the header of an image file says of its values, checked before memory is taken for them."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

import numpy as np

from contextseg.config.images import MOST_CHANNELS
from contextseg.data.picture_files import ImageError, require_size

TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64")
"""Types of values that are read."""
_RGB = 3


@dataclass(frozen=True, slots=True)
class Stored:
    """Size and type of a stored image."""

    rows: int
    columns: int
    channels: int
    dtype: np.dtype

    @property
    def shape(self) -> tuple[int, int, int]:
        """[rows, columns, channels]."""
        return self.rows, self.columns, self.channels

    @property
    def bytes(self) -> int:
        """Bytes of its values."""
        return math.prod(self.shape) * self.dtype.itemsize


def require_readable(path: str | os.PathLike[str], stored: Stored) -> None:
    """Raise ImageError unless an image has a type that is read, some pixels, and not too many.

    Three channels count as one pixel, as in photos.
    """
    require_type(path, stored.dtype)
    if min(stored.shape) < 1 or stored.channels > MOST_CHANNELS:
        raise ImageError(
            f"{path}: has {stored.rows} rows, {stored.columns} columns and {stored.channels} "
            f"channels, where at least 1 of each, and at most {MOST_CHANNELS} channels are read."
        )
    require_size(path, stored.rows, stored.columns * math.ceil(stored.channels / _RGB))


def require_type(path: str | os.PathLike[str], dtype: np.dtype) -> None:
    """Raise ImageError unless values are of a type that is read."""
    if str(dtype.newbyteorder("=")) not in TYPES:
        raise ImageError(
            f"{path}: holds values of type {dtype}. Read are {', '.join(TYPES)}: convert it."
        )
