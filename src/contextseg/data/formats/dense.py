"""Masks with a value or a colour per pixel, as regions of classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from contextseg.data.classes import Color
from contextseg.data.formats.log import FormatError
from contextseg.data.formats.objects import IGNORE_NAME, Shape, Size
from contextseg.data.formats.rasterise import mask_region
from contextseg.data.formats.reading import Reading
from contextseg.data.mask_files import StoredMask


def code(color: Color) -> int:
    """One number for a colour."""
    red, green, blue = color
    return red << 16 | green << 8 | blue


def color_codes(colors: np.ndarray) -> np.ndarray:
    """`code` of many colours: [..., 3], uint8, to [...], int64."""
    return colors.astype(np.int64) @ (1 << 16, 1 << 8, 1)


def grey_values(mask: StoredMask) -> np.ndarray:
    """Ids in a mask, [h, w]: indices, values, or the equal channels of an RGB file.

    Raises:
        FormatError: it is an RGB file with colours.
    """
    values = mask.values
    if values.ndim == 3:
        if (values != values[..., :1]).any():
            raise FormatError("its mask has colours, where values are expected")
        values = values[..., 0]
    return values


def shapes_of(
    values: np.ndarray, names: Mapping[int, str], size: Size, where: str, reading: Reading
) -> Iterator[Shape]:
    """A region for each value of a mask.

    Values without a name are reported, and their pixels ignored.

    Args:
        values: [h, w], integer.
        names: class of each value; values that are missing from it belong to no class.
        size: rows and columns of the image.
        where: names the mask in messages.
        reading: whom to tell.

    Raises:
        FormatError: the mask is of another size.
    """
    if values.shape != size:
        raise FormatError(
            f"its mask has {values.shape[0]} rows and {values.shape[1]} columns, the image "
            f"{size[0]} and {size[1]}"
        )
    found, counts = np.unique(values, return_counts=True)
    for value, count in zip(found.tolist(), counts.tolist(), strict=True):
        name = names.get(value)
        if name is None:
            shown = f"{value} or colour {[value >> 16, value >> 8 & 255, value & 255]}"
            reading.log.skip(
                where,
                f"{count} pixels of no class: value {shown if value > 255 else value}; they are "
                f"ignored",
            )
        yield Shape(IGNORE_NAME if name is None else name, mask_region(values == value))
