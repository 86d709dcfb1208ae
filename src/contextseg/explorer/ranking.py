"""Orders of a folder: where labels and network disagree most, or the network is least sure."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from contextseg.config.labels import IGNORED
from contextseg.data.picture_files import ImageError
from contextseg.explorer.project import Project
from contextseg.explorer.session import Session
from contextseg.inference.inspection import Inspection
from contextseg.inference.predictor import Predictor
from contextseg.metrics.image_counts import ImageCounts, iou_of

logger = logging.getLogger(__name__)

PIXELS = 250_000
"""Pixels that losses are computed on: an order needs no more."""
TEMPERATURE = 0.1
"""Of the soft minimum over regions: the smaller, the more the worst region decides."""
SMALLEST_REGION = 64
"""Pixels of a region, out of `PIXELS`, below which it says nothing."""

ORDERS = {
    "iou": "mean IoU of prediction and labels, lowest first",
    "regions": "worst region of the labels",
    "loss": "mean loss",
    "certainty": "least certain",
    "models": "disagreement of the two models",
}
"""What images can be ordered by, besides their names. All scores are better the higher they are."""


def scores_of_image(
    found: Inspection, labels: np.ndarray | None, other: Inspection | None
) -> dict[str, float]:
    """Scores of an image, each lower where it deserves a look sooner.

    Args:
        found: what the model sees.
        labels: [h, w], uint8, 255 ignored; None without labels.
        other: what a second model sees.

    Returns:
        `iou`: mean IoU of prediction and labels, 0 to 1. `regions`: soft minimum over the connected
        regions of the labels of the mean probability of their class, 0 to 1. `loss`: minus the mean
        cross-entropy. `certainty`: mean probability of the predicted class, 0 to 1. `models`: mean
        IoU of the two predictions. Those for which something is missing are left out.
    """
    predicted = found.labels()
    scores = {"certainty": float(found.confidence().mean())}
    if labels is not None and (labels != IGNORED).any():
        scores["iou"] = _mean_iou(predicted, labels, len(found.coarse_logits))
        probability, small = _probability_of(found, labels)
        valid = small != IGNORED
        if valid.any():
            scores["loss"] = float(np.log(np.maximum(probability[valid], 1e-12)).mean())
            scores["regions"] = _softest_region(probability, small)
    if other is not None:
        scores["models"] = _mean_iou(other.labels(), predicted, len(found.coarse_logits))
    return scores


def _mean_iou(prediction: np.ndarray, labels: np.ndarray, num_classes: int) -> float:
    counts = ImageCounts(num_classes)
    counts.update(prediction, labels)
    return float(np.nanmean(iou_of(counts.array()[0])))


def _probability_of(found: Inspection, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability of the label of each pixel, and the labels, both at a reduced size."""
    height, width = labels.shape
    step = max(1, round((height * width / PIXELS) ** 0.5))
    small = labels[step // 2 :: step, step // 2 :: step]
    rows, columns = (max(1, side // step) for side in found.canvas)
    logits = F.interpolate(
        found.coarse_logits[None],
        (max(rows, small.shape[0]), max(columns, small.shape[1])),
        mode="bilinear",
        align_corners=found.align_corners,
    )[0, :, : small.shape[0], : small.shape[1]]
    index = torch.from_numpy(np.where(small == IGNORED, 0, small).astype(np.int64))
    chosen = logits.softmax(0).gather(0, index[None])[0]
    return chosen.numpy(), small


def _softest_region(probability: np.ndarray, labels: np.ndarray) -> float:
    """Soft minimum of the mean probability of each connected region of the labels."""
    means: list[float] = []
    for label in np.unique(labels[labels != IGNORED]):
        count, regions = cv2.connectedComponents((labels == label).astype(np.uint8))
        sizes = np.bincount(regions.ravel(), minlength=count)[1:]
        sums = np.bincount(regions.ravel(), probability.ravel(), count)[1:]
        means += (sums[sizes >= SMALLEST_REGION] / sizes[sizes >= SMALLEST_REGION]).tolist()
    if not means:
        return 1.0
    values = np.array(means)
    weights = np.exp(-(values - values.min()) / TEMPERATURE)
    return float((values * weights).sum() / weights.sum())


class Ranking:
    """Scores of all images, computed in the background as soon as somebody asks for an order.

    Args:
        session: models and what they saw.
        project: the images.
    """

    def __init__(self, session: Session, project: Project) -> None:
        self.session = session
        self.project = project
        self.scores: dict[int, dict[str, float]] = {}
        self._done = 0
        self._thread: threading.Thread | None = None
        self._models: list[Predictor] = []
        self._stopping = threading.Event()

    def orders(self) -> dict[str, str]:
        """The orders that there can be here: key to description."""
        labelled = any(item.truth is not None for item in self.project.items)
        needs = {"iou": labelled, "regions": labelled, "loss": labelled, "certainty": True,
                 "models": len(self.session.models) > 1}  # fmt: skip
        return {key: text for key, text in ORDERS.items() if needs[key]}

    def progress(self) -> tuple[int, int]:
        """Images done, and how many there are."""
        return self._done, len(self.project)

    def start(self) -> None:
        """Start computing, unless that has been done with the models that are in use."""
        models = list(self.session.models)
        if self._thread is not None and self._models != models:
            self.stop()
            self.scores, self._done, self._thread = {}, 0, None
            self._stopping.clear()
        if self._thread is None:
            self._models = models
            self._thread = threading.Thread(target=self._run, name="ranking", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop before the next image, and wait for that."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def key(self, order: str) -> Callable[[int], tuple[float, int]]:
        """Sort key of images by number; those without a score come last.

        Raises:
            ValueError: there is no such order.
        """
        if order not in self.orders():
            raise ValueError(f"order must be name or one of {', '.join(self.orders())}.")
        return lambda number: (self.scores.get(number, {}).get(order, float("inf")), number)

    def _run(self) -> None:
        for number in range(len(self.project)):
            if self._stopping.is_set():
                return
            try:
                found = self.session.inspection(number)
                both = len(self.session.models) > 1
                other = self.session.inspection(number, 1) if both else None
                labels = self.project.truth(number)
                self.scores[number] = scores_of_image(found, labels, other)
            except (ImageError, ValueError) as error:
                logger.warning("image %d has no score: %s", number, error)
            except RuntimeError:  # the session has been closed
                return
            self._done += 1
