"""The weighted sum of a model's losses, term by term."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from contextseg.config import ContextPriorConfig, EncodingConfig, LossConfig, ModelConfig
from contextseg.losses.affinity_loss import affinity_sums, combined_affinity
from contextseg.losses.cross_entropy import CrossEntropy
from contextseg.losses.mean import means_over_processes
from contextseg.losses.se_loss import se_sums
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
        sums = {"main": [self.cross_entropy.sums(output.coarse_logits, labels)]}
        weights = {"main": 1.0}
        if output.presence_logits is not None:
            sums["se"] = [se_sums(output.presence_logits, labels)]
            weights["se"] = self.se_weight
        if output.affinity is not None and self.affinity is not None:
            sums["affinity"] = affinity_sums(output.affinity)
            weights["affinity"] = self.affinity.affinity_weight
        if output.aux_coarse_logits is not None:
            sums["aux"] = [self.cross_entropy.sums(output.aux_coarse_logits, labels)]
            weights["aux"] = self.aux_weight
        if output.aux_presence_logits is not None:
            sums["aux_se"] = [se_sums(output.aux_presence_logits, labels)]
            weights["aux_se"] = self.se_weight
        means = iter(means_over_processes([each for parts in sums.values() for each in parts]))
        losses = {name: self._joined(name, [next(means) for _ in parts])
                  for name, parts in sums.items()}  # fmt: skip
        total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        return losses | {"total": total}

    def _joined(self, name: str, means: list[Tensor]) -> Tensor:
        """A loss from the means of its parts; the affinity loss has four."""
        if name != "affinity" or self.affinity is None:
            return means[0]
        return combined_affinity(means, self.affinity.unary_weight, self.affinity.global_weight)
