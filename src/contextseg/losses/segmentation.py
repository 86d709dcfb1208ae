"""The weighted sum of a model's losses, term by term."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from contextseg.config import ContextPriorConfig, EncodingConfig, LossConfig, ModelConfig
from contextseg.losses.affinity_loss import affinity_loss
from contextseg.losses.cross_entropy import CrossEntropy
from contextseg.losses.se_loss import se_loss
from contextseg.models.outputs import SegmentationOutput


class SegmentationLoss(nn.Module):
    """Cross-entropy, SE-loss, affinity loss and auxiliary losses of a `SegmentationOutput`.

    Returns a dictionary of unweighted terms, each [], and their weighted sum `total`:
    `main` (weight 1), `se` (the context's `se_weight`), `affinity` (its `affinity_weight`), `aux`
    (`aux_weight`), and in EncNet's `paper` variant `aux_se` (`se_weight`). A term is present if and
    only if the model has its output.

    Args:
        model: the model's config: weights of the terms, convention of the upsampling.
        loss: options of the cross-entropy.
        class_weights: [L] or None; the resolved `loss.class_weights`.
    """

    def __init__(
        self, model: ModelConfig, loss: LossConfig, class_weights: Tensor | None = None
    ) -> None:
        super().__init__()
        self.cross_entropy = CrossEntropy(
            class_weights=class_weights,
            label_smoothing=loss.label_smoothing,
            ohem_threshold=loss.ohem_threshold,
            ohem_min_kept=loss.ohem_min_kept,
            align_corners=model.align_corners,
        )
        self.aux_weight = model.aux_weight
        context = model.context
        self.se_weight = context.se_weight if isinstance(context, EncodingConfig) else 0.0
        self.affinity = context if isinstance(context, ContextPriorConfig) else None

    def forward(self, output: SegmentationOutput, labels: Tensor) -> dict[str, Tensor]:
        """The terms by name, and `total`."""
        weighted = [("main", self.cross_entropy(output.coarse_logits, labels), 1.0)]
        if output.presence_logits is not None:
            weighted.append(("se", se_loss(output.presence_logits, labels), self.se_weight))
        if output.affinity is not None and self.affinity is not None:
            own = self.affinity
            affinity = affinity_loss(output.affinity, own.unary_weight, own.global_weight)
            weighted.append(("affinity", affinity, own.affinity_weight))
        if output.aux_coarse_logits is not None:
            aux = self.cross_entropy(output.aux_coarse_logits, labels)
            weighted.append(("aux", aux, self.aux_weight))
        if output.aux_presence_logits is not None:
            aux_se = se_loss(output.aux_presence_logits, labels)
            weighted.append(("aux_se", aux_se, self.se_weight))
        total = torch.stack([weight * loss for _, loss, weight in weighted]).sum()
        return {name: loss for name, loss, _ in weighted} | {"total": total}
