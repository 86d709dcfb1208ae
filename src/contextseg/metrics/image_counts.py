"""Counts of each image apart, from which the scores of any set of images follow."""

from __future__ import annotations

import numpy as np

from contextseg.config.labels import IGNORED


class ImageCounts:
    """Pixels of each class found, given and predicted, image by image.

    Args:
        num_classes: classes L.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self._images: list[np.ndarray] = []

    def update(self, prediction: np.ndarray, labels: np.ndarray) -> None:
        """Count an image.

        Args:
            prediction: predicted labels, [h, w], integer, in 0 to L - 1.
            labels: ground truth, [h, w], integer, in 0 to L - 1 or 255 (ignored).

        Raises:
            ValueError: shapes differ.
        """
        if prediction.shape != labels.shape:
            raise ValueError(
                f"image counts: prediction and labels must have one shape, got "
                f"{list(prediction.shape)} and {list(labels.shape)}."
            )
        valid = labels != IGNORED
        given, predicted = labels[valid], prediction[valid]
        groups = (given[given == predicted], given, predicted)
        self._images.append(
            np.stack([np.bincount(group, minlength=self.num_classes) for group in groups])
        )

    def array(self) -> np.ndarray:
        """[N, 3, L], int32: pixels that are found, given and predicted, by image and class."""
        if not self._images:
            return np.zeros((0, 3, self.num_classes), np.int32)
        return np.stack(self._images).astype(np.int32)


def iou_of(counts: np.ndarray) -> np.ndarray:
    """IoU of each class.

    Args:
        counts: found, given and predicted pixels, [..., 3, L].

    Returns:
        [..., L], float64, in 0 to 1; NaN for a class neither given nor predicted.
    """
    found, given, predicted = np.moveaxis(np.asarray(counts, np.float64), -2, 0)
    union = given + predicted - found
    return np.divide(found, union, out=np.full_like(union, np.nan), where=union > 0)
