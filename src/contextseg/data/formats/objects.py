"""What every reader yields: images, and the regions of classes on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from contextseg.data.classes import LONGEST_NAME, Color
from contextseg.data.formats.log import FormatError

IGNORE_NAME = "__ignore__"
"""Name, in other formats, of pixels that belong to no class and are ignored; labelme's word."""
Size = tuple[int, int]
"""Rows and columns."""


@dataclass(frozen=True, slots=True)
class Region:
    """The pixels of one object: a mask, and where its first pixel is in the image."""

    top: int
    """Row of the mask's first row, from 0."""
    left: int
    """Column of the mask's first column, from 0."""
    pixels: np.ndarray
    """[rows, columns], bool; nothing of it is outside the image."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A labelled object of an image."""

    name: str
    """Its class, as the export calls it; `IGNORE_NAME` for pixels to ignore."""
    region: Region
    """Its pixels."""
    layer: int = 0
    """Where the format has layers: higher ones lie on top."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.name) <= LONGEST_NAME:
            raise FormatError(
                f"the name of its class has {len(self.name)} characters; 1 to {LONGEST_NAME} are "
                f"possible"
            )


@dataclass(frozen=True, slots=True)
class Item:
    """An image of an export."""

    where: str
    """File and image, for messages."""
    reference: str
    """Path of the image in the export, with forward slashes; names the result."""
    picture: Path | bytes
    """The image file, or its content."""
    shapes: Callable[[Size], Iterable[Shape]]
    """Its objects, in draw order, given the size of the upright image. Objects that cannot be used
    are reported to the log and left out; a FormatError leaves the image out."""
    size: Size | None = None
    """Rows and columns that the export states, if it does."""
    split: str | None = None
    """The split it belongs to, if the export has splits."""


@dataclass(frozen=True, slots=True)
class Label:
    """A class that an export declares."""

    name: str
    """Its name."""
    id: int | None = None
    """Its id in the export, if the format has ids."""
    color: Color | None = None
    """Its colour, if the format has colours."""


@dataclass(frozen=True, slots=True)
class Export:
    """An opened export."""

    items: Iterator[Item]
    """Its images, read one after the other."""
    labels: list[Label] = field(default_factory=list)
    """Classes that it declares, in order; objects may have others."""
    has_order: bool = True
    """Whether the order of objects is the order in which the tool draws them."""
    preferred: dict[str, int] = field(default_factory=dict)
    """Ids for names that are not declared but have one."""
