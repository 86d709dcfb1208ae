"""One class per pixel from objects that may overlap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from contextseg.data.formats.objects import Shape, Size

Overlap = Literal["auto", "order", "smaller"]
"""`order`: what is drawn later is on top; `smaller`: the object of fewer pixels is; `auto`: `order`
where the format has one, else `smaller`."""
UNLABELLED = -1


def paint(
    shapes: Sequence[Shape], size: Size, id_of: Callable[[str], int], *, by_order: bool
) -> tuple[np.ndarray, int]:
    """Draw objects on top of each other.

    Args:
        shapes: the objects, in draw order.
        size: rows and columns of the image.
        id_of: the id of a class.
        by_order: higher layers, then later objects are on top; else the object of fewer pixels,
            and of objects of equal size the later one.

    Returns:
        Ids [h, w], int16, with `UNLABELLED` where no object is; and the number of pixels that
        objects of different classes claim.
    """
    painted = np.full(size, UNLABELLED, np.int16)
    claimed_twice = np.zeros(size, np.bool_)
    if by_order:
        order = sorted(range(len(shapes)), key=lambda i: shapes[i].layer)
    else:
        order = sorted(range(len(shapes)), key=lambda i: -int(shapes[i].region.pixels.sum()))
    for shape in (shapes[i] for i in order):
        region, number = shape.region, id_of(shape.name)
        rows, columns = region.pixels.shape
        area = np.s_[region.top : region.top + rows, region.left : region.left + columns]
        under = painted[area]
        claimed_twice[area] |= region.pixels & (under != UNLABELLED) & (under != number)
        under[region.pixels] = number
    return painted, int(claimed_twice.sum())
