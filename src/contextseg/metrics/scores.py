"""Pixel accuracy, mean accuracy and mean IoU of a confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from contextseg.display.numbers import counted, percent
from contextseg.metrics.calibration import Calibration
from contextseg.metrics.class_names import class_names


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Scores:
    """Scores of predictions, each in 0 to 1; NaN (None for `presence_map`) where undefined."""

    pixel_accuracy: float
    """Fraction of valid pixels that are predicted correctly."""
    mean_iou: float
    """Mean IoU over the classes that occur in the ground truth or in a prediction."""
    mean_iou_reference: float
    """Mean IoU over all L classes, where a class neither in the ground truth nor predicted counts
    as 0: the convention of the EncNet authors' code. Equal to `mean_iou` if all classes occur."""
    mean_accuracy: float
    """Mean accuracy over the classes in the ground truth."""
    iou: list[float]
    """Intersection over union by label; NaN for a class neither in the ground truth nor
    predicted."""
    accuracy: list[float]
    """Accuracy by label: fraction of its pixels predicted correctly; NaN if not in the ground
    truth."""
    presence_map: float | None
    """Mean average precision of image-level class presence, over the classes that are present in
    some images and absent from others; None without such predictions or classes."""
    confusion: Tensor
    """Valid pixels, [L, L], int64, by true label (row) and predicted label (column)."""
    boundary_iou: list[float] | None = None
    """Boundary IoU by label (`metrics.boundary`), NaN where undefined; None if not requested."""
    names: tuple[str, ...] | None = None
    """Names of the classes by label; None if nobody gave them."""
    calibration: Calibration | None = None
    """Confidence against accuracy; None if not requested."""

    @property
    def ade_score(self) -> float:
        """Mean of pixel accuracy and mean IoU: the final score of the ADE20K challenge."""
        return (self.pixel_accuracy + self.mean_iou) / 2

    @property
    def mean_boundary_iou(self) -> float | None:
        """Mean of `boundary_iou` over the classes where it is defined."""
        if self.boundary_iou is None:
            return None
        return torch.tensor(self.boundary_iou, dtype=torch.float64).nanmean().item()

    def to_dict(self, names: Sequence[str] | None = None) -> dict[str, Any]:
        """All scores as a JSON-serialisable dictionary: undefined values are None.

        Args:
            names: names of the classes by label, L of them; None takes the scores' own.

        Raises:
            ValueError: the number of names is not L.
        """
        names = class_names(self) if names is None else names
        if len(names) != len(self.iou):
            raise ValueError(f"scores: {len(self.iou)} classes need as many names, got {names}.")
        given, predicted = self.confusion.sum(1).tolist(), self.confusion.sum(0).tolist()
        edges = self.boundary_iou or []
        return {
            "pixel_accuracy": _or_none(self.pixel_accuracy),
            "mean_iou": _or_none(self.mean_iou),
            "mean_iou_reference": _or_none(self.mean_iou_reference),
            "mean_accuracy": _or_none(self.mean_accuracy),
            "ade_score": _or_none(self.ade_score),
            "presence_map": self.presence_map,
            **({"mean_boundary_iou": _or_none(self.mean_boundary_iou)} if edges else {}),
            "classes": [
                {
                    "name": name,
                    "iou": _or_none(self.iou[label]),
                    "accuracy": _or_none(self.accuracy[label]),
                    "pixels": given[label],
                    "predicted_pixels": predicted[label],
                    **({"boundary_iou": _or_none(edges[label])} if edges else {}),
                }
                for label, name in enumerate(names)
            ],
            **(
                {} if self.calibration is None else {"calibration": self.calibration.to_dict(names)}
            ),
            "confusion": self.confusion.tolist(),
        }

    def __repr__(self) -> str:
        return (
            f"Scores(mean IoU {percent(self.mean_iou)} %, pixel accuracy "
            f"{percent(self.pixel_accuracy)} %, {counted(len(self.iou), 'class')})"
        )

    def _repr_html_(self) -> str:
        from contextseg.metrics.view import scores_html

        return scores_html(self)


def scores_of(
    confusion: Tensor,
    presence_map: float | None = None,
    *,
    boundary_iou: list[float] | None = None,
    names: Sequence[str] | None = None,
    calibration: Calibration | None = None,
) -> Scores:
    """Scores of a confusion matrix.

    Args:
        confusion: valid pixels, [L, L], integer, by true label (row) and predicted label (column).
        presence_map: passed through.
        boundary_iou: likewise.
        names: likewise, L of them.
        calibration: likewise.

    Raises:
        ValueError: the matrix is not square.
    """
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(f"scores_of: confusion must be [L, L], got {list(confusion.shape)}.")
    confusion = confusion.detach().cpu().to(torch.int64)
    hits = confusion.diagonal()  # [L]
    given, predicted = confusion.sum(1), confusion.sum(0)  # [L]
    union = given + predicted - hits
    iou = hits.double() / union  # 0 / 0 is NaN: neither in the ground truth nor predicted
    accuracy = hits.double() / given
    return Scores(
        pixel_accuracy=(hits.sum().double() / confusion.sum()).item(),
        mean_iou=iou.nanmean().item(),
        mean_iou_reference=iou.nan_to_num(0.0).mean().item() if given.any() else math.nan,
        mean_accuracy=accuracy.nanmean().item(),
        iou=iou.tolist(),
        accuracy=accuracy.tolist(),
        presence_map=presence_map,
        confusion=confusion,
        boundary_iou=boundary_iou,
        names=None if names is None else tuple(names),
        calibration=calibration,
    )


def _or_none(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
