"""Per-pixel cross-entropy of coarse logits against labels at image size."""

from __future__ import annotations

from torch import Tensor, nn

from contextseg.config.labels import IGNORED
from contextseg.losses.mean import Sum, mean_over_processes
from contextseg.ops.upsampled_cross_entropy import upsampled_cross_entropy


class CrossEntropy(nn.Module):
    """Cross-entropy of upsampled logits: the mean over the pixels that are not ignored.

    Shape:
        coarse_logits: [B, L, H, W].
        labels:        [B, h, w], integer, 0 to L - 1 or 255 (ignored).
        returns:       [].

    Args:
        class_weights: [L], or None; weights of the mean.
        label_smoothing: fraction of the target spread evenly over all classes, 0 to 1.
        ohem_threshold: online hard example mining (arXiv 1604.03540): count only pixels whose true
            class has a probability below this. None counts all.
        ohem_min_kept: minimum number of pixels of a batch that count, the hardest ones.
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
        return mean_over_processes(self.sums(coarse_logits, labels))

    def sums(self, coarse_logits: Tensor, labels: Tensor) -> Sum:
        """The sum over the pixels of this process, and their weight."""
        total, weight = upsampled_cross_entropy(
            coarse_logits,
            labels,
            class_weights=self.class_weights,
            label_smoothing=self.label_smoothing,
            ohem_threshold=self.ohem_threshold,
            ohem_min_kept=self.ohem_min_kept,
            ignore_index=IGNORED,
            align_corners=self.align_corners,
        )
        return Sum(total, weight)
