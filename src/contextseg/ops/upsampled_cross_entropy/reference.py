"""Upsampled cross-entropy as it is usually written: upsample, then cross-entropy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype
from contextseg.ops.upsampled_cross_entropy.hard import is_hard


def upsampled_cross_entropy(
    coarse_logits: Tensor,
    labels: Tensor,
    class_weights: Tensor | None,
    label_smoothing: float,
    ohem_threshold: float | None,
    ohem_min_kept: int,
    ignore_index: int,
    align_corners: bool,
) -> tuple[Tensor, Tensor]:
    """Sum of losses and of weights; see `contextseg.ops.upsampled_cross_entropy`."""
    dtype = sum_dtype(coarse_logits.dtype)
    logits = F.interpolate(
        coarse_logits.to(dtype), labels.shape[1:], mode="bilinear", align_corners=align_corners
    )  # [B, L, h, w]
    target = labels.to(torch.int64)
    weights = None if class_weights is None else class_weights.to(dtype)
    losses = F.cross_entropy(
        logits,
        target,
        weights,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction="none",
    )  # [B, h, w]
    counts = target != ignore_index
    if ohem_threshold is not None:
        plain = F.cross_entropy(
            logits.detach(), target, ignore_index=ignore_index, reduction="none"
        )
        counts = counts & is_hard(plain, counts, ohem_threshold, ohem_min_kept)
    shares = counts.to(dtype)
    if weights is not None:
        shares = shares * weights[torch.where(counts, target, 0)]
    return (losses * counts).sum(), shares.sum()
