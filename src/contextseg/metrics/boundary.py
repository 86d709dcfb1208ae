"""Boundary IoU: how well outlines match, whatever an object's size."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from contextseg.config.labels import IGNORED

SHARE = 0.02
"""Width of a boundary, as a share of the image's diagonal (Cheng et al., 2021)."""


class BoundaryIoU(Metric):
    """Boundary IoU of each class over a whole dataset.

    Cheng et al., "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation", CVPR 2021:
    for each class, only pixels at most d from the outline of its mask count, in the ground truth
    and in the prediction, with d = 2 % of the image's diagonal. Intersections and unions are
    summed over all images before division. Ignored pixels are masked out of both, so that their
    outline is the same in both, and never count.

    Args:
        num_classes: classes L.
        share: d as a share of the diagonal, above 0.
    """

    intersection: Tensor
    union: Tensor
    full_state_update = False

    def __init__(self, num_classes: int, share: float = SHARE) -> None:
        super().__init__()
        self.share = share
        for name in ("intersection", "union"):
            zeros = torch.zeros(num_classes, dtype=torch.int64)
            self.add_state(name, zeros, dist_reduce_fx="sum")

    def update(self, prediction: Tensor, labels: Tensor) -> None:
        """Count a batch.

        Args:
            prediction: predicted labels, [B, h, w], integer, in 0 to L - 1.
            labels: ground truth, [B, h, w], integer, in 0 to L - 1 or 255 (ignored).
        """
        num_classes = len(self.union)
        for found, given in zip(prediction.cpu().numpy(), labels.cpu().numpy(), strict=True):
            given = np.ascontiguousarray(given, np.uint8)
            found = np.where(given == IGNORED, IGNORED, found).astype(np.uint8)
            width = max(1, round(self.share * math.hypot(*given.shape)))
            edges = [np.where(near_outline(m, width), m, IGNORED) for m in (given, found)]
            both = np.where(edges[0] == edges[1], edges[0], IGNORED)
            in_given, in_found, shared = (
                torch.from_numpy(np.bincount(mask.ravel(), minlength=256)[:num_classes])
                for mask in (*edges, both)
            )
            self.intersection += shared.to(self.intersection.device)
            self.union += (in_given + in_found - shared).to(self.union.device)

    def compute(self) -> Tensor:
        """[L], or [] of a single class; float64, NaN for a class neither given nor predicted."""
        return self.intersection.double() / self.union


def near_outline(labels: np.ndarray, width: int) -> np.ndarray:
    """Where a pixel of another label, or the edge of the image, is at most `width` away.

    Distance is the maximum over rows and columns: this is an erosion of each label's mask by a
    square, for all labels at once, in time that does not depend on their number.

    Args:
        labels: [h, w], uint8.
        width: in pixels, at least 1.

    Returns:
        [h, w], bool.
    """
    square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    # By default neither looks beyond the edge of the image, so the outline there is added by hand.
    near = cv2.erode(labels, square) != cv2.dilate(labels, square)
    near[:width] = near[-width:] = True
    near[:, :width] = near[:, -width:] = True
    return near
