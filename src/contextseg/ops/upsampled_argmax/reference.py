"""Upsampling and argmax as one would write them: all logits at the size of the image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype


def upsampled_argmax(
    coarse_logits: Tensor,
    size: tuple[int, int],
    align_corners: bool,
    confidence: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor | None]:
    """Labels [B, h, w] and their probabilities; see `contextseg.ops.upsampled_argmax`."""
    coarse_logits = coarse_logits.to(sum_dtype(coarse_logits.dtype))
    logits = F.interpolate(coarse_logits, size, mode="bilinear", align_corners=align_corners)
    labels = logits.argmax(1)  # [B, h, w]
    probabilities = logits.softmax(1).amax(1) if confidence else None
    return labels.to(dtype), probabilities
