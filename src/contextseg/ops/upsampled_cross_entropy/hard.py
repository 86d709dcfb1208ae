"""Which pixels online hard example mining keeps."""

from __future__ import annotations

import torch
from torch import Tensor


def is_hard(losses: Tensor, valid: Tensor, threshold: float, min_kept: int) -> Tensor:
    """Pixels whose true class is improbable, or among the least probable.

    Args:
        losses: -log of the probability of the true class, [B, h, w].
        valid: pixels with a label, [B, h, w], bool.
        threshold: pixels of a probability up to this are hard.
        min_kept: so many pixels are hard at least, over the batch.

    Returns:
        [B, h, w], bool; of pixels that are not valid, anything.
    """
    probability = torch.where(valid, (-losses).exp(), 2.0)  # the others sort last
    kept = min(min_kept, probability.numel())
    least = probability.flatten().kthvalue(kept).values
    return probability <= least.clamp(min=threshold)
