"""The sizes and windows in which a published evaluation looks at an image."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from contextseg.config import ProtocolConfig
from contextseg.inference.views.windows import coverage


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """One dimension of a resized image on its canvas."""

    length: int
    """Pixels of the resized image."""
    offset: int
    """Where it begins on the canvas."""
    canvas: int
    """Pixels of the canvas, padding included."""
    starts: tuple[int, ...]
    """First pixel of each window on the canvas."""
    counts: tuple[int, ...]
    """How many windows cover each pixel of the resized image, [length]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """The image at one size."""

    rows: Axis
    columns: Axis
    weight: int
    """How many of the scales come to this size."""

    @property
    def windows(self) -> list[tuple[int, int]]:
        """First row and column of each window on the canvas."""
        return [(top, left) for top in self.rows.starts for left in self.columns.starts]


def plan_sizes(size: tuple[int, int], config: ProtocolConfig) -> list[Size]:
    """The sizes to look at an image in; scales that come to one size share it.

    Args:
        size: rows and columns of the image.
        config: the protocol.
    """
    sizes = Counter(_resized(size, scale, config) for scale in config.scales)
    return [
        Size(
            rows=_axis(rows, config, max(rows, columns)),
            columns=_axis(columns, config, max(rows, columns)),
            weight=weight,
        )
        for (rows, columns), weight in sizes.items()
    ]


def _resized(size: tuple[int, int], scale: float, config: ProtocolConfig) -> tuple[int, int]:
    """Rows and columns at a scale: the long side is rounded up, the other to the nearest."""
    longest = max(size)
    if config.base_size is None and config.style == "cpnet":
        rows, columns = (max(1, round(side * scale)) for side in size)
        return rows, columns
    long_side = math.ceil((config.base_size or longest) * scale)
    other = max(1, int(min(size) * long_side / longest + 0.5))
    return (long_side, other) if size[0] >= size[1] else (other, long_side)


def _axis(length: int, config: ProtocolConfig, longest: int) -> Axis:
    crop = config.crop
    padded = max(length, crop)
    shifted = config.style == "cpnet"
    stride = math.ceil(crop * 2 / 3) if shifted else crop * 2 // 3
    number = 1 if longest <= crop else math.ceil((padded - crop) / stride) + 1
    starts = [start * stride for start in range(number)]
    if shifted:
        starts = [min(start, padded - crop) for start in starts]
    canvas = starts[-1] + crop
    offset = (padded - length) // 2 if shifted else 0
    counts = coverage(canvas, starts, crop)[offset : offset + length]
    return Axis(
        length=length, offset=offset, canvas=canvas, starts=tuple(starts), counts=tuple(counts)
    )
