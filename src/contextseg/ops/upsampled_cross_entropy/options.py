"""How pixels count: the options of the loss, and online hard example mining."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class LossOptions(NamedTuple):
    """Arguments of `upsampled_cross_entropy` besides logits and labels; see there."""

    class_weights: Tensor | None
    """[L]."""
    label_smoothing: float
    ohem_threshold: float | None
    ohem_min_kept: int
    ignore_index: int
    align_corners: bool


def is_hard(losses: Tensor, valid: Tensor, options: LossOptions) -> Tensor:
    """Pixels whose true class is improbable, or among the least probable.

    Args:
        losses: -log of the probability of the true class, [B, h, w].
        valid: pixels with a label, [B, h, w], bool.
        options: pixels of a probability up to `ohem_threshold`, which is not None, are hard, and
            at least `ohem_min_kept` pixels of the batch.

    Returns:
        [B, h, w], bool; of pixels that are not valid, anything.
    """
    if losses.numel() == 0:
        return valid
    probability = torch.where(valid, (-losses).exp(), 2.0)  # the others sort last
    kept = min(options.ohem_min_kept, probability.numel())
    least = probability.flatten().kthvalue(kept).values
    return probability <= least.clamp(min=options.ohem_threshold)
