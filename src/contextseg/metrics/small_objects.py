"""IoU of small objects, which are connected components of a class."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from contextseg.config.labels import IGNORED

BOUNDS = (32 * 32, 96 * 96)
"""Upper bounds in pixels of COCO's small objects, and of its small and medium ones."""


class SmallObjectIoU:
    """IoU over the objects with fewer than a number of pixels, counted over many images.

    An object of class c is a connected component (8 neighbours) of the pixels labelled c; it is
    small if it has fewer than `bound` pixels. For each class:

    - found are the pixels of small objects that are predicted c;
    - missed are the other pixels of small objects;
    - false are pixels of other classes that are predicted c, in *predicted* components of c that
      touch no large object of c, and either touch a small one or have themselves fewer than
      `bound` pixels: predictions that spill over the edge of a large object do not count.

    IoU is found / (found + missed + false). Ignored pixels neither count nor connect.

    Args:
        num_classes: classes L.
        bounds: numbers of pixels below which an object is small, ascending; each is scored
            separately.

    Raises:
        ValueError: bounds are not ascending, or below 1.
    """

    def __init__(self, num_classes: int, bounds: Sequence[int] = BOUNDS) -> None:
        if not bounds or list(bounds) != sorted(set(bounds)) or bounds[0] < 1:
            raise ValueError(
                f"small: bounds must be rising numbers of pixels, at least 1, got {list(bounds)}."
            )
        self.bounds = tuple(bounds)
        # Found, missed and false pixels by bound and class.
        self.counts = np.zeros((len(self.bounds), num_classes, 3), np.int64)

    def update(self, prediction: np.ndarray, labels: np.ndarray) -> None:
        """Count an image.

        Args:
            prediction: predicted labels, [h, w], uint8, in 0 to L - 1.
            labels: ground truth, [h, w], uint8, in 0 to L - 1 or 255 (ignored).

        Raises:
            ValueError: shapes differ.
        """
        if prediction.shape != labels.shape or labels.ndim != 2:
            raise ValueError(
                f"small objects: prediction and labels must both be [h, w], got "
                f"{list(prediction.shape)} and {list(labels.shape)}."
            )
        prediction = np.where(labels == IGNORED, IGNORED, prediction)
        for label in np.union1d(labels, prediction):
            if label != IGNORED:
                self.counts[:, label] += self._count(prediction == label, labels == label)

    def iou(self) -> np.ndarray:
        """[number of bounds, L], float64, in 0 to 1; NaN for a class without small objects."""
        found, missed, false = np.moveaxis(self.counts, 2, 0)
        has_objects = found + missed > 0
        whole = np.where(has_objects, found + missed + false, 1)
        return np.where(has_objects, found / whole, math.nan)

    def _count(self, predicted: np.ndarray, given: np.ndarray) -> np.ndarray:
        """[number of bounds, 3]: found, missed and false pixels of one class in one image."""
        objects, object_sizes = components(given)
        parts, part_sizes = components(predicted)
        both = predicted & given
        # Largest and smallest object that each predicted component touches, in pixels; 0 for none.
        largest = np.zeros(len(part_sizes), np.int64)
        smallest = np.full(len(part_sizes), np.iinfo(np.int64).max)
        np.maximum.at(largest, parts[both], object_sizes[objects[both]])
        np.minimum.at(smallest, parts[both], object_sizes[objects[both]])
        hits = np.bincount(objects[both], minlength=len(object_sizes))
        spilt = np.bincount(parts[predicted & ~given], minlength=len(part_sizes))

        rows = []
        for bound in self.bounds:
            small = object_sizes < bound
            small[0] = False  # number 0 is the area outside all objects
            found = hits[small].sum()
            counts = (largest < bound) & ((smallest < bound) | (part_sizes < bound))
            rows.append((found, object_sizes[small].sum() - found, spilt[1:][counts[1:]].sum()))
        return np.array(rows, np.int64)


def components(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Connected components (8 neighbours).

    Args:
        mask: [h, w], bool.

    Returns:
        The number of each pixel's component, [h, w], with 0 outside `mask`, and the size of each
        component in pixels, [number of components + 1].
    """
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return numbers, stats[:, cv2.CC_STAT_AREA].astype(np.int64)
