"""Per-pixel cross-entropy of coarse logits against labels at image size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.labels import IGNORED
from contextseg.losses.mean import mean_over_processes
from contextseg.outputs import upsample


class CrossEntropy(nn.Module):
    """Cross-entropy of upsampled logits: the mean over the pixels that are not ignored.

    Shape:
        coarse_logits: [B, L, H, W].
        labels:        [B, h, w], integer, 0 to L - 1 or 255 (ignored).
        returns:       [].

    Args:
        class_weights: [L], or None. The mean is weighted by them.
        label_smoothing: share of the target spread evenly over all classes, 0 to 1.
        ohem_threshold: online hard example mining (arXiv 1604.03540): only pixels whose true
            class has a probability below this count. None counts all.
        ohem_min_kept: the hardest pixels of a batch that count however easy they are.
        align_corners: convention of the upsampling.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        *,
        class_weights: Tensor | None = None,
        label_smoothing: float = 0.0,
        ohem_threshold: float | None = None,
        ohem_min_kept: int = 100_000,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.label_smoothing = label_smoothing
        self.ohem_threshold = ohem_threshold
        self.ohem_min_kept = ohem_min_kept
        self.align_corners = align_corners

    def forward(self, coarse_logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch."""
        logits = upsample(coarse_logits, labels.shape[1:], self.align_corners)  # [B, L, h, w]
        target = labels.to(torch.int64)
        weights = None if self.class_weights is None else self.class_weights.to(logits.dtype)
        losses = F.cross_entropy(
            logits,
            target,
            weights,
            ignore_index=IGNORED,
            label_smoothing=self.label_smoothing,
            reduction="none",
        )  # [B, h, w]
        counts = target != IGNORED
        if self.ohem_threshold is not None:
            counts = counts & self._hard(logits.detach(), target, counts)
        shares = counts.to(losses.dtype)
        if weights is not None:
            shares = shares * weights[torch.where(counts, target, 0)]
        return mean_over_processes((losses * counts).sum(), shares.sum())

    def _hard(self, logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Pixels [B, h, w] whose true class is improbable, or among the least probable."""
        assert self.ohem_threshold is not None
        nll = F.cross_entropy(logits, target, ignore_index=IGNORED, reduction="none")
        probability = torch.where(valid, (-nll).exp(), 2.0)  # ignored ones sort last
        kept = min(self.ohem_min_kept, probability.numel())
        least = probability.flatten().kthvalue(kept).values
        return probability <= least.clamp(min=self.ohem_threshold)
