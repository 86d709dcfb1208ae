"""A person who labels an image, simulated: takes wrong classes off the list, stamps with a brush.

A *stamp* of class c at a pixel gives c to all pixels in a disc around it that are c in the ground
truth: a person who paints over what is wrong, along the edges of things, and never damages what is
right. The next stamp goes to the largest connected region (8 neighbours) of pixels that lack the
same true class, at the pixel of it that is farthest from its border. Pixels that the ground truth
ignores are never counted and never stamped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

IGNORED = 255
RADIUS = 12
"""Pixels from the centre of a stamp to its edge."""
MOST_CLICKS = 5000

Decide = Callable[[Sequence[int]], np.ndarray]
"""From the ticked labels to the labels of the image, [h, w], uint8."""


@dataclass(frozen=True, slots=True)
class Region:
    """The largest region that lacks a class."""

    pixels: int
    row: int
    column: int
    depth: float
    """Pixels from (row, column) to the border of the region."""


@dataclass
class Canvas:
    """Labels that are being corrected.

    Args:
        truth: [h, w], uint8; 255 is ignored.
        labels: where the person starts, [h, w], uint8; 255 is not labelled.
    """

    truth: np.ndarray
    labels: np.ndarray
    _largest: dict[int, Region | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.valid = self.truth != IGNORED
        self.stamped = np.zeros(self.truth.shape, bool)
        self.classes = np.unique(self.truth[self.valid]).tolist()
        self.labels = self.labels.copy()

    @property
    def accuracy(self) -> float:
        """Share of the valid pixels that are right, 0 to 1."""
        right = np.count_nonzero(self.labels[self.valid] == self.truth[self.valid])
        return right / max(1, np.count_nonzero(self.valid))

    def decide(self, labels: np.ndarray) -> None:
        """Take over other labels where nothing was stamped."""
        self.labels = np.where(self.stamped, self.labels, labels)
        self._largest.clear()

    def absent(self) -> tuple[int, int] | None:
        """The class that is not in the image and has the most pixels, and their number."""
        shown = self.labels[self.valid & (self.labels != IGNORED)]
        counts = np.bincount(shown, minlength=256)
        counts[self.classes] = 0
        worst = int(counts.argmax())
        return (worst, int(counts[worst])) if counts[worst] else None

    def target(self) -> tuple[int, Region] | None:
        """The class and the region that the next stamp is for; None if nothing is wrong."""
        for label in self.classes:
            if label not in self._largest:
                self._largest[label] = self._largest_of(label)
        found = [(label, region) for label, region in self._largest.items() if region is not None]
        return max(found, key=lambda each: each[1].pixels, default=None)

    def stamp(self, label: int, region: Region, *, fitted: bool = False) -> None:
        """Stamp a class once; a fitted brush is as large as the region allows."""
        radius = max(RADIUS, int(region.depth)) if fitted else RADIUS
        disc = np.zeros(self.truth.shape, np.uint8)
        cv2.circle(disc, (region.column, region.row), radius, 1, thickness=-1)
        changed = (disc > 0) & (self.truth == label)
        self.labels[changed] = label
        self.stamped |= changed
        self._largest.pop(label, None)

    def _largest_of(self, label: int) -> Region | None:
        wrong = ((self.truth == label) & (self.labels != label)).astype(np.uint8)
        count, regions, stats, _ = cv2.connectedComponentsWithStats(wrong, connectivity=8)
        if count == 1:
            return None
        largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        left, top, width, height, pixels = (int(value) for value in stats[largest])
        part = regions[top : top + height, left : left + width] == largest
        framed = np.pad(part, 1).astype(np.uint8)
        depth = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        return Region(pixels, top + int(row), left + int(column), float(depth[row, column]))


def with_brush(canvas: Canvas, enough: float, *, fitted: bool = False) -> list[float]:
    """Pixel accuracy before the first stamp and after each, until it is enough."""
    curve = [canvas.accuracy]
    while curve[-1] < enough and len(curve) <= MOST_CLICKS:
        found = canvas.target()
        assert found is not None, "nothing is wrong, but the accuracy is not 1"
        canvas.stamp(*found, fitted=fitted)
        curve.append(canvas.accuracy)
    return curve


def with_ticks(canvas: Canvas, decide: Decide, num_classes: int, most: int) -> tuple[int, float]:
    """Take off up to `most` classes that are not in the image, the one with most pixels first.

    Returns:
        Number of classes taken off, and the pixel accuracy then.
    """
    ticked = list(range(num_classes))
    for done in range(most):
        worst = canvas.absent()
        if worst is None or worst[0] not in ticked:
            return done, canvas.accuracy
        ticked.remove(worst[0])
        canvas.decide(decide(ticked))
    return most, canvas.accuracy


def with_both(canvas: Canvas, decide: Decide, num_classes: int, enough: float) -> list[float]:
    """Pixel accuracy after each click, of which some are ticks and some are stamps.

    A class that is not in the image is taken off if it has more pixels than the largest region
    that lacks a class, or than a disc holds, whichever is smaller; otherwise the brush is used.
    """
    ticked = list(range(num_classes))
    area = np.pi * RADIUS**2
    curve = [canvas.accuracy]
    while curve[-1] < enough and len(curve) <= MOST_CLICKS:
        worst, found = canvas.absent(), canvas.target()
        assert found is not None, "nothing is wrong, but the accuracy is not 1"
        if worst and worst[0] in ticked and worst[1] > min(area, found[1].pixels):
            ticked.remove(worst[0])
            canvas.decide(decide(ticked))
        else:
            canvas.stamp(*found)
        curve.append(canvas.accuracy)
    return curve
