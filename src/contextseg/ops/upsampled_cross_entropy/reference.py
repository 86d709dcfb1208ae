"""Upsampled cross-entropy as it is usually written: upsample, then cross-entropy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype
from contextseg.ops.upsampled_cross_entropy.options import LossOptions, is_hard


def upsampled_cross_entropy(
    coarse_logits: Tensor, labels: Tensor, options: LossOptions
) -> tuple[Tensor, Tensor]:
    """Sum of losses and of weights; see `contextseg.ops.upsampled_cross_entropy`."""
    dtype = sum_dtype(coarse_logits.dtype)
    logits = F.interpolate(
        coarse_logits.to(dtype),
        labels.shape[1:],
        mode="bilinear",
        align_corners=options.align_corners,
    )  # [B, L, h, w]
    target = labels.to(torch.int64)
    weights = None if options.class_weights is None else options.class_weights.to(dtype)
    losses = F.cross_entropy(
        logits,
        target,
        weights,
        ignore_index=options.ignore_index,
        label_smoothing=options.label_smoothing,
        reduction="none",
    )  # [B, h, w]
    counts = target != options.ignore_index
    if options.ohem_threshold is not None:
        plain = F.cross_entropy(
            logits.detach(), target, ignore_index=options.ignore_index, reduction="none"
        )
        counts = counts & is_hard(plain, counts, options)
    shares = counts.to(dtype)
    if weights is not None:
        shares = shares * weights[torch.where(counts, target, 0)]
    return (losses * counts).sum(), shares.sum()
