"""Objects as tools state them, turned into shapes; what cannot be used is reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from contextseg.data.formats.log import FormatError, Log
from contextseg.data.formats.objects import Region, Size
from contextseg.data.formats.rasterise import box_region

Boxes = Literal["skip", "fill"]
"""What to do with objects that are boxes only: leave out, or fill."""
Crowds = Literal["class", "ignore"]
"""Pixels of a crowd of COCO belong to its class, or are ignored."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a reader treats objects, and whom it tells."""

    log: Log = field(default_factory=Log)
    """Told of objects that are left out."""
    boxes: Boxes = "skip"
    """Whether boxes are filled."""
    crowds: Crowds = "class"
    """What crowds are."""

    @contextmanager
    def part(self, where: str) -> Iterator[None]:
        """Report a FormatError in the block, with where it occurred, and continue after it."""
        try:
            yield
        except FormatError as error:
            self.log.skip(where, error)

    def box(self, left: float, top: float, right: float, bottom: float, size: Size) -> Region:
        """The pixels of a box, if boxes are filled.

        Raises:
            FormatError: they are not, or no pixel is inside.
        """
        if self.boxes == "skip":
            raise FormatError("is a box, which --boxes fill would import as a filled rectangle")
        return box_region(left, top, right, bottom, size)
