"""Counts over a dataset: confusion of labels, and how well class presence is ranked."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torchmetrics.classification import MulticlassConfusionMatrix, MultilabelAveragePrecision
from torchmetrics.functional.classification import multilabel_average_precision
from torchmetrics.utilities import dim_zero_cat

from contextseg.config.labels import IGNORED
from contextseg.metrics.boundary import BoundaryIoU
from contextseg.metrics.scores import Scores, scores_of
from contextseg.ops import class_presence


class PresencePrecision(MultilabelAveragePrecision):
    """Mean average precision over the classes present in some images and absent from others.

    A class in every image would count as perfect whatever the prediction; a class in no image has
    no precision. NaN if no class is left.
    """

    def compute(self) -> Tensor:
        """The mean, []."""
        ranks, targets = dim_zero_cat(self.preds), dim_zero_cat(self.target)  # [M, L], M images
        occurrences = targets.sum(0)
        telling = (occurrences > 0) & (occurrences < len(targets))
        if not telling.any():
            return torch.full((), math.nan, device=targets.device)
        return multilabel_average_precision(
            ranks[:, telling],
            targets[:, telling],
            num_labels=int(telling.sum()),
            validate_args=False,
        )


class SegmentationMetrics(nn.Module):
    """Scores of predictions over many batches.

    Counts are int64, so they stay exact. With several processes (torch.distributed), `compute`
    adds up the counts of all of them: each must call it, after at least one batch.

    Args:
        num_classes: classes L.
        boundaries: compute boundary IoU too.
    """

    def __init__(self, num_classes: int, *, boundaries: bool = False) -> None:
        super().__init__()
        self.num_classes = num_classes
        # Its own validation would sort all pixels of a batch; `update` checks the range instead.
        self.confusion = MulticlassConfusionMatrix(
            num_classes, ignore_index=IGNORED, validate_args=False
        )
        self.presence = PresencePrecision(num_classes, validate_args=False)
        self.boundary = BoundaryIoU(num_classes) if boundaries else None

    def update(
        self, prediction: Tensor, labels: Tensor, presence_logits: Tensor | None = None
    ) -> None:
        """Count a batch.

        Args:
            prediction: predicted labels, [B, h, w], integer, in 0 to L - 1.
            labels: ground truth, [B, h, w], integer, in 0 to L - 1 or 255 (ignored).
            presence_logits: [B, L], floating point: one logit per class and image for whether the
                class is present. Images without a valid pixel are skipped. Pass it in all updates
                or in none.

        Raises:
            ValueError: shapes differ, or a label is outside 0 to L - 1.
        """
        if prediction.shape != labels.shape or labels.ndim != 3:
            raise ValueError(
                f"metrics: prediction and labels must both be [B, h, w], got "
                f"{list(prediction.shape)} and {list(labels.shape)}."
            )
        self._check_range("prediction", prediction)
        valid = labels != IGNORED
        self._check_range("labels", torch.where(valid, labels, 0))
        self.confusion.update(prediction.long(), labels.long())
        if self.boundary is not None:
            self.boundary.update(prediction, labels)
        if presence_logits is None:
            return
        if presence_logits.shape != (len(labels), self.num_classes):
            raise ValueError(
                f"metrics: presence_logits must be [B, L] = "
                f"{[len(labels), self.num_classes]}, got {list(presence_logits.shape)}."
            )
        judged = valid.flatten(1).any(1)  # [B]
        logits = presence_logits.detach()[judged].float()
        # Only the order matters. Softsign preserves it where a sigmoid rounds to 1.
        ranks = 0.5 + 0.5 * nn.functional.softsign(logits)
        self.presence.update(ranks, class_presence(labels[judged], self.num_classes).long())

    def compute(self) -> Scores:
        """Scores of all batches since the last `reset`."""
        presence_map = float(self.presence.compute()) if self.presence.update_called else math.nan
        # torchmetrics drops axes of length 1, so of a single class.
        labels = self.num_classes
        edges = None if self.boundary is None else self.boundary.compute().reshape(labels)
        return scores_of(
            self.confusion.compute().reshape(labels, labels),
            None if math.isnan(presence_map) else presence_map,
            boundary_iou=None if edges is None else edges.tolist(),
        )

    def reset(self) -> None:
        """Forget all batches."""
        self.confusion.reset()
        self.presence.reset()
        if self.boundary is not None:
            self.boundary.reset()

    def _check_range(self, name: str, labels: Tensor) -> None:
        if labels.numel() == 0:
            return
        lowest, highest = (int(value) for value in labels.aminmax())
        if lowest < 0 or highest >= self.num_classes:
            raise ValueError(
                f"metrics: {name} must be in 0 to {self.num_classes - 1}, got "
                f"{lowest if lowest < 0 else highest}. Does the model have as many classes as "
                f"the data?"
            )
