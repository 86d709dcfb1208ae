"""The weighted sum of a model's losses, term by term."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from contextseg.config import ContextPriorConfig, EncodingConfig, LossConfig, ModelConfig
from contextseg.config.labels import IGNORED
from contextseg.losses.affinity_loss import affinity_sums, combined_affinity
from contextseg.losses.cross_entropy import CrossEntropy
from contextseg.losses.mean import means_over_processes
from contextseg.losses.se_loss import se_sums
from contextseg.models.outputs import SegmentationOutput
from contextseg.system.deprecated import deprecated


class SegmentationLoss(nn.Module):
    """Cross-entropy, SE-loss, affinity loss and auxiliary losses of a `SegmentationOutput`.

    Returns a dictionary of unweighted terms, each [], and their weighted sum `total`: `main`
    (weight 1), `se`, `affinity`, `aux`, and in EncNet's `paper` variant `aux_se` (`se_weight`). A
    term is present if and only if the model has its output.

    Shape:
        output: a `SegmentationOutput` of logits [B, L, H, W].
        labels: [B, h, w], integer, 0 to L - 1, `ignore_index` or 255.

    Args:
        num_classes: number of classes L, which logits and class weights must have; None takes any.
        ignore_index: label of pixels that no term counts, besides 255. The affinity loss is
            computed within the model, from the labels given to it: there, use 255.
        class_weights: [L] or None; weights of the cross-entropy.
        label_smoothing: fraction of the target spread evenly over all classes, 0 to 1.
        ohem_threshold: count only pixels whose true class has a probability below this; None
            counts all.
        ohem_min_kept: minimum number of pixels of a batch that count, the hardest ones.
        se_weight: weight of the SE-losses.
        aux_weight: weight of the auxiliary head's cross-entropy.
        affinity_weight: weight of the affinity loss, within which `unary_weight` is that of the
            binary cross-entropy and `global_weight` that of precision, recall and specificity.
        align_corners: convention of the upsampling, which must be the model's.

    The defaults are those of the configuration; `from_config` takes the weights of a model's.

    Raises:
        ValueError: class weights or, when it is called, logits are not of `num_classes` classes;
            or the model upsamples by another convention.

    Example:
        >>> import torch
        >>> from contextseg.models.outputs import SegmentationOutput
        >>> loss = SegmentationLoss(num_classes=3)
        >>> output = SegmentationOutput(torch.zeros(1, 3, 4, 4), size=(16, 16))
        >>> loss(output, torch.zeros(1, 16, 16, dtype=torch.uint8))["total"].item()
        1.0986...
    """

    def __init__(
        self,
        num_classes: int | ModelConfig | None = None,
        loss: LossConfig | None = None,
        class_weights: Tensor | None = None,
        *,
        ignore_index: int = IGNORED,
        label_smoothing: float = 0.0,
        ohem_threshold: float | None = None,
        ohem_min_kept: int = 100_000,
        se_weight: float = 0.2,
        aux_weight: float = 0.4,
        affinity_weight: float = 1.0,
        unary_weight: float = 1.0,
        global_weight: float = 1.0,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        if isinstance(num_classes, ModelConfig):
            deprecated(
                "SegmentationLoss(model_config, loss_config) is called "
                "SegmentationLoss.from_config(...) now"
            )
            of_config = self._of_config(num_classes, loss or LossConfig())
            self.__init__(class_weights=class_weights, **of_config)
            return
        weights = num_classes if class_weights is None else class_weights.numel()
        if num_classes not in (None, weights):
            raise ValueError(
                f"class_weights must be [{num_classes}], one for each class, got [{weights}]."
            )
        self.cross_entropy = CrossEntropy(
            class_weights=class_weights,
            label_smoothing=label_smoothing,
            ohem_threshold=ohem_threshold,
            ohem_min_kept=ohem_min_kept,
            align_corners=align_corners,
        )
        self.num_classes, self.ignore_index = num_classes, ignore_index
        self.se_weight, self.aux_weight = se_weight, aux_weight
        self.affinity_weight = affinity_weight
        self.unary_weight, self.global_weight = unary_weight, global_weight

    @classmethod
    def from_config(
        cls, model: ModelConfig, loss: LossConfig | None = None, class_weights: Tensor | None = None
    ) -> Self:
        """The loss of a model's config.

        Args:
            model: the model's config: weights of the terms, convention of the upsampling.
            loss: options of the cross-entropy; None takes the defaults.
            class_weights: [L] or None; the resolved `loss.class_weights`.
        """
        options = cls._of_config(model, loss or LossConfig())
        return cls(class_weights=class_weights, **options)

    @staticmethod
    def _of_config(model: ModelConfig, loss: LossConfig) -> dict[str, Any]:
        options: dict[str, Any] = {
            "label_smoothing": loss.label_smoothing,
            "ohem_threshold": loss.ohem_threshold,
            "ohem_min_kept": loss.ohem_min_kept,
            "aux_weight": model.aux_weight,
            "align_corners": model.align_corners,
        }
        context = model.context
        if isinstance(context, EncodingConfig):
            options["se_weight"] = context.se_weight
        if isinstance(context, ContextPriorConfig):
            names = ("affinity_weight", "unary_weight", "global_weight")
            options |= {name: getattr(context, name) for name in names}
        return options

    def forward(self, output: SegmentationOutput, labels: Tensor) -> dict[str, Tensor]:
        """The terms by name, and `total`."""
        classes = output.coarse_logits.shape[1]
        if self.num_classes not in (None, classes):
            raise ValueError(
                f"logits must have num_classes {self.num_classes} channels, got {classes}."
            )
        if output.align_corners != self.cross_entropy.align_corners:
            raise ValueError(
                f"align_corners is {self.cross_entropy.align_corners}, but the model's is "
                f"{output.align_corners}: give the loss the model's."
            )
        if self.ignore_index != IGNORED:
            labels = torch.where(labels == self.ignore_index, IGNORED, labels)
        sums = {"main": [self.cross_entropy.sums(output.coarse_logits, labels)]}
        weights = {"main": 1.0}
        if output.presence_logits is not None:
            sums["se"] = [se_sums(output.presence_logits, labels)]
            weights["se"] = self.se_weight
        if output.affinity is not None:
            sums["affinity"] = affinity_sums(output.affinity)
            weights["affinity"] = self.affinity_weight
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
        if name != "affinity":
            return means[0]
        return combined_affinity(means, self.unary_weight, self.global_weight)
