"""Upsampling and argmax strip by strip, so that [B, L, h, w] logits never exist."""

from __future__ import annotations

import torch
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype
from contextseg.ops.upsampled_rows import strips, upsampled_rows


def upsampled_argmax(
    coarse_logits: Tensor,
    size: tuple[int, int],
    align_corners: bool,
    confidence: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor | None]:
    """Labels [B, h, w] and their probabilities; see `contextseg.ops.upsampled_argmax`."""
    (B, L), (height, width) = coarse_logits.shape[:2], size
    labels = coarse_logits.new_empty((B, height, width), dtype=dtype)
    exact = sum_dtype(coarse_logits.dtype)
    probabilities = coarse_logits.new_empty(labels.shape, dtype=exact) if confidence else None
    row_bytes = B * L * width * exact.itemsize
    for start, stop in strips(height, row_bytes, coarse_logits.device):
        logits = upsampled_rows(coarse_logits, size, start, stop, align_corners=align_corners)
        best, index = logits.max(1)  # [B, stop - start, width]; several times faster than argmax
        labels[:, start:stop] = index
        if probabilities is not None:
            total = logits.sub_(best[:, None]).exp_().sum(1)
            probabilities[:, start:stop] = total.reciprocal_()
    return labels, probabilities
