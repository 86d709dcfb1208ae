"""Counts over a dataset: confusion of labels, and how well class presence is ranked."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchmetrics.classification import MulticlassConfusionMatrix
from torchmetrics.functional.classification import multilabel_average_precision

from contextseg.config.labels import IGNORED
from contextseg.metrics.boundary import BoundaryIoU
from contextseg.metrics.calibration import Calibration, CalibrationError
from contextseg.metrics.processes import sum_and_gather
from contextseg.metrics.scores import Scores, scores_of
from contextseg.ops import class_presence


def presence_precision(ranks: Tensor, targets: Tensor) -> float | None:
    """Mean average precision over the classes present in some images and absent from others.

    A class in every image would count as perfect whatever the prediction; a class in no image has
    no precision. None if no class is left.

    Args:
        ranks: [M, L], in 0 to 1: of M images, how surely each class is there.
        targets: [M, L], integer: 1 where it is.
    """
    occurrences = targets.sum(0)
    telling = (occurrences > 0) & (occurrences < len(targets))
    if not telling.any():
        return None
    precision = multilabel_average_precision(
        ranks[:, telling], targets[:, telling], num_labels=int(telling.sum()), validate_args=False
    )
    return None if torch.isnan(precision) else float(precision)


class SegmentationMetrics(nn.Module):
    """Scores of predictions over many batches.

    Counts are int64, so they stay exact. With several processes (torch.distributed), `compute`
    adds up the counts of all of them: each must call it, even one without a batch.

    Args:
        num_classes: classes L.
        boundaries: compute boundary IoU too.
        calibration: compare confidence with accuracy too; needs `confidence` in all updates.
    """

    def __init__(
        self, num_classes: int, *, boundaries: bool = False, calibration: bool = False
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        # Its own validation would sort all pixels of a batch; `update` checks the range instead.
        self.confusion = MulticlassConfusionMatrix(
            num_classes, ignore_index=IGNORED, validate_args=False
        )
        self._presence: list[Tensor] = []  # ranks and targets, [images, 2 L], batch by batch
        self.boundary = BoundaryIoU(num_classes) if boundaries else None
        self.calibration = CalibrationError(num_classes) if calibration else None

    def update(
        self,
        prediction: Tensor,
        labels: Tensor,
        presence_logits: Tensor | None = None,
        confidence: Tensor | None = None,
    ) -> None:
        """Count a batch.

        Args:
            prediction: predicted labels, [B, h, w], integer, in 0 to L - 1.
            labels: ground truth, [B, h, w], integer, in 0 to L - 1 or 255 (ignored).
            presence_logits: [B, L], floating point: one logit per class and image for whether the
                class is present. Images without a valid pixel are skipped. Pass it in all updates
                or in none.
            confidence: probability of the predicted label, [B, h, w], floating point, in 0 to 1;
                needed with `calibration`, and only used then.

        Raises:
            ValueError: shapes differ, a label is outside 0 to L - 1, or confidence is missing.
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
        if self.calibration is not None:
            if confidence is None:
                raise ValueError("metrics: calibration needs the confidence of each prediction.")
            self.calibration.update(prediction, confidence, labels)
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
        targets = class_presence(labels[judged], self.num_classes).to(ranks.dtype)
        self._presence.append(torch.cat([ranks, targets], dim=1))

    def compute(self) -> Scores:
        """Scores of all batches since the last `reset`."""
        confusion, L = self.confusion.confmat, self.num_classes
        assert isinstance(confusion, Tensor)
        presence = torch.cat([confusion.new_zeros((0, 2 * L), dtype=torch.float32),
                              *self._presence])  # fmt: skip
        parts = [confusion.long()]
        if self.boundary is not None:
            parts += [self.boundary.intersection, self.boundary.union]
        if self.calibration is not None:
            parts += [self.calibration.counts.to(confusion.device)]
        parts, presence = sum_and_gather(parts, presence)
        boundary_iou = None if self.boundary is None else (parts[1].double() / parts[2]).tolist()
        calibration = None
        if self.calibration is not None:
            calibration = Calibration(counts=parts[-1].cpu())
        presence_map = None
        if len(presence):
            presence_map = presence_precision(presence[:, :L], presence[:, L:].long())
        return scores_of(parts[0], presence_map, boundary_iou=boundary_iou, calibration=calibration)

    def reset(self) -> None:
        """Forget all batches."""
        self.confusion.reset()
        self._presence = []
        if self.boundary is not None:
            self.boundary.reset()
        if self.calibration is not None:
            self.calibration.counts.zero_()

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
