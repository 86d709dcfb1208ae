"""The sizes and windows that a published evaluation runs an image at."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass

from torch import Tensor

from contextseg.config import Normalisation, ProtocolConfig
from contextseg.inference.views.windows import overlap_counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """One dimension of a resized image on its canvas."""

    length: int
    """Pixels of the resized image."""
    offset: int
    """First pixel of the resized image on the canvas."""
    canvas: int
    """Pixels of the canvas, padding included."""
    starts: tuple[int, ...]
    """First pixel of each window on the canvas."""
    counts: tuple[int, ...]
    """Number of windows that cover each pixel of the resized image, [length]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """The image at one size."""

    rows: Axis
    """Its vertical dimension."""
    columns: Axis
    """Its horizontal dimension."""
    weight: int
    """Number of scales that result in this size."""

    @property
    def windows(self) -> list[tuple[int, int]]:
        """First row and column of each window on the canvas."""
        return [(top, left) for top in self.rows.starts for left in self.columns.starts]


class Geometry(ABC):
    """How a protocol resizes, pads and crops an image."""

    align_corners: bool
    """Convention for resizing the image and the scores, as in the authors' code."""

    def __init__(self, config: ProtocolConfig) -> None:
        self.config = config

    def resized(self, size: tuple[int, int], scale: float) -> tuple[int, int]:
        """Rows and columns at a scale: the long side is rounded up, the other one to nearest."""
        longest = max(size)
        long_side = math.ceil((self.config.base_size or longest) * scale)
        other = max(1, int(min(size) * long_side / longest + 0.5))
        return (long_side, other) if size[0] >= size[1] else (other, long_side)

    @abstractmethod
    def axis(self, length: int, longest: int) -> Axis:
        """The windows along one dimension of an image whose longer side has `longest` pixels."""

    @abstractmethod
    def padding(self, normalisation: Normalisation, like: Tensor) -> Tensor | None:
        """The normalised colour [3, 1, 1] around the image; None for 0, the mean colour."""


class EncNetGeometry(Geometry):
    """The image is in the upper left corner of a black canvas; the last window may be padded."""

    align_corners = True

    def axis(self, length: int, longest: int) -> Axis:
        crop = self.config.crop
        starts = _starts(max(length, crop), crop, longest, stride=crop * 2 // 3)
        return _on_canvas(length, 0, starts[-1] + crop, starts, crop)

    def padding(self, normalisation: Normalisation, like: Tensor) -> Tensor:
        mean, std = (like.new_tensor(values) for values in normalisation)
        return -(mean / std).view(3, 1, 1)


class CPNetGeometry(Geometry):
    """The image is centred on its canvas; the last window is shifted back to end with it."""

    align_corners = False

    def resized(self, size: tuple[int, int], scale: float) -> tuple[int, int]:
        if self.config.base_size is not None:
            return super().resized(size, scale)
        rows, columns = (max(1, round(side * scale)) for side in size)
        return rows, columns

    def axis(self, length: int, longest: int) -> Axis:
        crop = self.config.crop
        padded = max(length, crop)
        starts = _starts(padded, crop, longest, stride=math.ceil(crop * 2 / 3))
        starts = [min(start, padded - crop) for start in starts]
        return _on_canvas(length, (padded - length) // 2, starts[-1] + crop, starts, crop)

    def padding(self, normalisation: Normalisation, like: Tensor) -> None:
        return None


def geometry_of(config: ProtocolConfig) -> Geometry:
    """The geometry of a protocol, by its style."""
    return {"encnet": EncNetGeometry, "cpnet": CPNetGeometry}[config.style](config)


def plan_sizes(size: tuple[int, int], geometry: Geometry) -> list[Size]:
    """The sizes to run an image at; scales that result in the same size share it.

    Args:
        size: rows and columns of the image.
        geometry: the protocol's geometry.
    """
    sizes = Counter(geometry.resized(size, scale) for scale in geometry.config.scales)
    return [
        Size(
            rows=geometry.axis(rows, max(rows, columns)),
            columns=geometry.axis(columns, max(rows, columns)),
            weight=weight,
        )
        for (rows, columns), weight in sizes.items()
    ]


def _starts(padded: int, crop: int, longest: int, *, stride: int) -> list[int]:
    number = 1 if longest <= crop else math.ceil((padded - crop) / stride) + 1
    return [start * stride for start in range(number)]


def _on_canvas(length: int, offset: int, canvas: int, starts: list[int], crop: int) -> Axis:
    counts = overlap_counts(canvas, starts, crop)[offset : offset + length]
    return Axis(
        length=length, offset=offset, canvas=canvas, starts=tuple(starts), counts=tuple(counts)
    )
