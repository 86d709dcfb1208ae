"""Pictures of a segmentation run: batches with labels, best and worst validation images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from contextseg.data.classes import Classes
from contextseg.metrics import Scores
from contextseg.report.galleries import save_picture
from contextseg.report.overlays import as_rgb, fitted
from contextseg.report.sheets import MOST, PANEL, Example, batch_sheet, example_strip
from contextseg.training.run_pictures import RunPictures

KEPT = 3
"""Best and worst images that are drawn."""


class _Candidate(NamedTuple):
    rank: tuple[float, int]
    """Mean IoU; position in the dataset, which decides between equal scores."""
    example: Example


class SegmentationPictures(RunPictures):
    """Pictures of a segmentation run.

    Args:
        folder: the run folder.
        classes: the L classes.
        train_names: names of the training images by index.
        val_names: names of the validation images by index, or None.
    """

    unit = "pixels"

    def __init__(
        self,
        folder: Path,
        classes: Classes,
        train_names: Sequence[str],
        val_names: Sequence[str] | None,
    ) -> None:
        super().__init__(folder)
        self.classes = classes
        self._train_names, self._val_names = train_names, val_names
        self._best: list[_Candidate] = []
        self._worst: list[_Candidate] = []

    def draw_batch(self, batch: dict[str, Tensor], number: int) -> None:
        """Draw images as the network gets them, after augmentation, next to their labels."""
        shown = {key: batch[key][:MOST].cpu().numpy() for key in ("image", "labels", "index")}
        count, all_ = len(shown["image"]), len(batch["image"])
        title = f"Training batch {number}: {count} of {all_} images, without and with labels"
        names = [self._train_names[int(index)] for index in shown["index"].tolist()]
        images = [as_rgb(image) for image in shown["image"]]
        sheet = batch_sheet(images, list(shown["labels"]), names, self.classes, title)
        save_picture(self.folder / f"train_batch_{number}.jpg", sheet, title)

    def begin(self) -> None:
        """Forget the images of the previous validation."""
        self._best, self._worst = [], []

    def add(self, batch: dict[str, Tensor], predicted: Tensor) -> None:
        """Keep those images that are among the best or the worst so far."""
        for place, index in enumerate(batch["index"].tolist()):
            truth, prediction = batch["labels"][place], predicted[place]
            scores = image_scores(truth, prediction, self.classes.num_classes)
            if scores is None:
                continue
            rank = scores[0], index
            best = len(self._best) < KEPT or rank > self._best[-1].rank
            if not (best or len(self._worst) < KEPT or rank < self._worst[-1].rank):
                continue
            image, labels, found = (
                fitted(picture, PANEL)
                for picture in (
                    as_rgb(batch["image"][place].cpu().numpy()),
                    truth.cpu().numpy().astype(np.uint8),
                    prediction.cpu().numpy().astype(np.uint8),
                )
            )
            name = self._val_names[int(index)] if self._val_names else f"image {index}"
            candidate = _Candidate(rank, Example(name, image, labels, found, *scores))
            self._best = sorted([*self._best, candidate], key=_rank, reverse=True)[:KEPT]
            self._worst = sorted([*self._worst, candidate], key=_rank)[:KEPT]

    def draw_validation(self) -> None:
        """Draw the best and the worst images; with few images, each only once."""
        ordered = sorted({c.rank: c for c in self._worst + self._best}.values(), key=_rank)
        worst = ordered[: min(KEPT, len(ordered) // 2)]
        best = ordered[len(worst) :][-KEPT:][::-1]
        for kind, found in (("worst", worst), ("best", best)):
            for number, candidate in enumerate(found, 1):
                example = candidate.example
                strip = example_strip(example, self.classes, f"{kind} {number}")
                self._save(f"validation_{kind}_{number}", strip, f"{kind} {number}", example)

    def _save(self, name: str, strip: Image.Image, title: str, example: Example) -> None:
        description = (
            f"{title}: {example.name}, mean IoU {100 * example.mean_iou:.1f} %: image, ground "
            f"truth, prediction, errors"
        )
        save_picture(self.folder / f"{name}.jpg", strip, description)

    def draw_scores(self, scores: object) -> None:
        """Draw IoU by class and the confusion matrix."""
        assert isinstance(scores, Scores)
        self._draw_bars("IoU by class", dict(zip(self.classes.names, scores.iou, strict=True)))
        self._draw_confusion(scores.confusion, self.classes)


def image_scores(truth: Tensor, prediction: Tensor, classes: int) -> tuple[float, float] | None:
    """Mean IoU and pixel accuracy of one image; None if all of its pixels are ignored.

    Args:
        truth: labels [h, w], 0 to classes - 1 or 255.
        prediction: labels [h, w], 0 to classes - 1.
        classes: number of classes.

    Returns:
        Mean IoU over the classes in the truth or in the prediction of valid pixels, and the share
        of the valid pixels that are right; 0 to 1 each.
    """
    cells = (truth.int() << 8) | prediction  # in one pass, ignored pixels in the last row
    counts = torch.bincount(cells.view(-1), minlength=256 * 256).view(256, 256)
    counts = counts[:classes, :classes].cpu().double()
    given, found, hits = counts.sum(1), counts.sum(0), counts.diagonal()
    if not given.any():
        return None
    iou = hits / (given + found - hits)
    return iou.nanmean().item(), (hits.sum() / given.sum()).item()


def _rank(candidate: _Candidate) -> tuple[float, int]:
    return candidate.rank
