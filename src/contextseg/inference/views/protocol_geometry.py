"""The sizes and windows that a published evaluation runs an image at."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, replace

from contextseg.config import ProtocolConfig
from contextseg.inference.views.windows import overlap_counts
from contextseg.models.segmentation import SMALLEST_IMAGE


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """One dimension of a resized image on its canvas."""

    length: int
    """Pixels of the resized image."""
    offset: int
    """First pixel of the resized image on the canvas."""
    canvas: int
    """Pixels of the canvas, padding included."""
    window: int
    """Pixels of a window."""
    starts: tuple[int, ...]
    """First pixel of each window on the canvas."""
    counts: tuple[int, ...]
    """Number of windows that cover each pixel of the resized image, [length]."""

    @property
    def mirrored(self) -> Axis:
        """Where the windows of the mirror image are in the image."""
        starts = tuple(self.canvas - self.window - start for start in self.starts)
        return replace(self, starts=starts, counts=self.counts[::-1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """The image at one size."""

    rows: Axis
    """Its vertical dimension."""
    columns: Axis
    """Its horizontal dimension."""
    weight: int
    """Number of scales that result in this size."""
    mirrors: tuple[bool, ...]
    """The views of each window: whether left and right are exchanged for the network."""

    @property
    def windows(self) -> list[tuple[int, int]]:
        """First row and column of each window on the canvas."""
        return [(top, left) for top in self.rows.starts for left in self.columns.starts]


class Geometry(ABC):
    """How a protocol resizes, pads and crops an image."""

    align_corners: bool | None
    """Convention for resizing the scores, as in the authors' code; None uses the model's."""

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

    def views(self, size: Size) -> list[Size]:
        """A size with its mirror images, if they are used: in the same windows."""
        return [replace(size, mirrors=(False, True) if self.config.flip else (False,))]


class EncNetGeometry(Geometry):
    """The image is in the upper left corner of a black canvas; the last window may be padded."""

    align_corners = True

    def axis(self, length: int, longest: int) -> Axis:
        crop = self.config.crop
        starts = _starts(max(length, crop), crop, longest, stride=crop * 2 // 3)
        return _on_canvas(length, 0, starts[-1] + crop, starts, crop)


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


class MMSegGeometry(Geometry):
    """Nothing is padded; windows are cut to an image that is smaller than they are."""

    align_corners = None

    def resized(self, size: tuple[int, int], scale: float) -> tuple[int, int]:
        """Rows and columns at a scale, as `Resize(keep_ratio=True)` rounds them.

        At least 32 of both, which mmsegmentation does not see to, and a network here needs.
        """
        base, short = self.config.base_size, self.config.short_side
        if base is None:
            limits = [int(side * scale + 0.5) for side in size]
        else:
            limits = [int(side * scale) for side in (base, short or base)]
        factor = min(max(limits) / max(size), min(limits) / min(size))
        rows, columns = (max(SMALLEST_IMAGE, int(side * factor + 0.5)) for side in size)
        return rows, columns

    def axis(self, length: int, longest: int) -> Axis:
        config = self.config
        if config.stride is None:
            return _on_canvas(length, 0, length, [0], length)
        window = min(config.crop, length)
        number = -(-(length - window) // config.stride) + 1
        starts = [min(index * config.stride, length - window) for index in range(number)]
        return _on_canvas(length, 0, length, starts, window)

    def views(self, size: Size) -> list[Size]:
        """The mirror image has windows of its own: the last one is shifted the other way."""
        if not self.config.flip:
            return [size]
        return [size, replace(size, columns=size.columns.mirrored, mirrors=(True,))]


def geometry_of(config: ProtocolConfig) -> Geometry:
    """The geometry of a protocol, by its style."""
    kinds = {"encnet": EncNetGeometry, "cpnet": CPNetGeometry, "mmseg": MMSegGeometry}
    return kinds[config.style](config)


def plan_sizes(size: tuple[int, int], geometry: Geometry) -> list[Size]:
    """The sizes to run an image at; scales that result in the same size share it.

    Mirror images that have windows of their own are a size of their own.

    Args:
        size: rows and columns of the image.
        geometry: the protocol's geometry.
    """
    sizes = Counter(geometry.resized(size, scale) for scale in geometry.config.scales)
    plain = [
        Size(
            rows=geometry.axis(rows, max(rows, columns)),
            columns=geometry.axis(columns, max(rows, columns)),
            weight=weight,
            mirrors=(False,),
        )
        for (rows, columns), weight in sizes.items()
    ]
    return [view for size in plain for view in geometry.views(size)]


def _starts(padded: int, crop: int, longest: int, *, stride: int) -> list[int]:
    number = 1 if longest <= crop else math.ceil((padded - crop) / stride) + 1
    return [start * stride for start in range(number)]


def _on_canvas(length: int, offset: int, canvas: int, starts: list[int], window: int) -> Axis:
    counts = overlap_counts(canvas, starts, window)[offset : offset + length]
    return Axis(
        length=length,
        offset=offset,
        canvas=canvas,
        window=window,
        starts=tuple(starts),
        counts=tuple(counts),
    )
