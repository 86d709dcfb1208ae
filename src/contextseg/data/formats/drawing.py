"""Label maps as what formats store: masks of classes, or polygons in draw order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from contextseg.config.labels import IGNORED
from contextseg.data.classes import Color
from contextseg.data.formats.log import FormatError
from contextseg.data.formats.objects import IGNORE_NAME, Region
from contextseg.data.formats.pictures import Images, bring
from contextseg.data.formats.rasterise import mask_region, outlines, polygon_region


@dataclass(frozen=True, slots=True)
class Picture:
    """An image to be written, with its label map."""

    name: str
    """Its name without folder and suffix."""
    split: str
    """Its split."""
    labels: np.ndarray
    """[h, w], uint8, in 0 to L - 1 or 255."""
    file: Path | None
    """The image file, if there is one."""
    image: Callable[[], np.ndarray]
    """Reads its pixels, [h, w, 3], uint8."""

    @property
    def suffix(self) -> str:
        """The suffix of its file, in lower case."""
        return ".png" if self.file is None else self.file.suffix.lower()


@dataclass
class Plan:
    """How images and label maps are written."""

    names: list[str]
    """Names of the classes by label, L of them."""
    colors: list[Color]
    """Colours of the classes by label."""
    ids: list[int]
    """Ids of the classes by label."""
    shapes: str = "masks"
    """`masks` or `polygons`."""
    tolerance: float = 0.0
    """Pixels by which polygons may be simplified."""
    images: Images = "copy"
    """How images come into the new folder."""
    left_out: frozenset[int] = frozenset()
    """Labels that are not written."""
    has_ignored: bool = False
    """Whether ignored pixels were written so far."""
    differences: list[float] = field(default_factory=list)
    """For each image written as polygons, the share of its pixels that they change."""

    def place(self, picture: Picture, path: Path) -> None:
        """Copy, link or write the image to a path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if picture.file is not None:
            bring(picture.file, path, self.images)
        else:
            Image.fromarray(picture.image()).save(path)

    def name(self, label: int) -> str:
        """The name of a label; `__ignore__` for 255."""
        return IGNORE_NAME if label == IGNORED else self.names[label]

    def id(self, label: int) -> int:
        """The id of a label from 1, as other tools reserve 0; for 255 the largest free one."""
        ids = self.ids if 0 not in self.ids else range(1, len(self.ids) + 1)
        if label != IGNORED:
            return ids[label]
        return next(number for number in range(IGNORED, 0, -1) if number not in ids)

    def labels(self) -> list[int]:
        """All labels that may have been written, in order."""
        labels = [label for label in range(len(self.names)) if label not in self.left_out]
        return labels + [IGNORED] * self.has_ignored

    def masks(self, picture: Picture) -> Iterator[tuple[int, np.ndarray]]:
        """The mask of each label that occurs in an image, [h, w], bool."""
        for label in np.unique(picture.labels).tolist():
            if label not in self.left_out:
                self.has_ignored |= label == IGNORED
                yield label, picture.labels == label

    def regions(self, picture: Picture) -> Iterator[tuple[int, Region]]:
        """The smallest rectangle around each mask, and the mask in it."""
        for label, mask in self.masks(picture):
            yield label, mask_region(mask)

    def polygons(self, picture: Picture) -> list[tuple[int, np.ndarray]]:
        """The outlines of all connected parts, the largest first, as x and y in pixels, [n, 2].

        Holes are left to what lies in them, which is drawn later. The difference that this makes
        is measured by drawing them, and kept.
        """
        found = [(label, ring) for label, mask in self.masks(picture)
                 for ring in outlines(mask, self.tolerance)]  # fmt: skip
        found.sort(key=lambda pair: -ring_area(pair[1]))
        drawn = np.full(picture.labels.shape, -1, np.int16)
        for label, ring in found:
            try:
                region = polygon_region([ring], picture.labels.shape)
            except FormatError:  # simplified away
                continue
            rows, columns = region.pixels.shape
            area = np.s_[region.top : region.top + rows, region.left : region.left + columns]
            drawn[area][region.pixels] = label
        skipped = np.isin(picture.labels, list(self.left_out))
        self.differences.append(float(np.mean((drawn != picture.labels) & ~skipped)))
        return found


def ring_area(ring: np.ndarray) -> float:
    """The area inside a polygon [n, 2], in pixels."""
    x, y = ring.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
