"""Allocate labels and their probabilities, for every form to fill and for compilers to trace."""

from __future__ import annotations

import torch
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype


def empty(
    coarse_logits: Tensor,
    height: int,
    width: int,
    align_corners: bool,
    confidence: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Labels [B, h, w] and probabilities [B, h, w], or [0] without `confidence`."""
    shape = (coarse_logits.shape[0], height, width)
    exact = sum_dtype(coarse_logits.dtype)
    probabilities = coarse_logits.new_empty(shape if confidence else (0,), dtype=exact)
    return coarse_logits.new_empty(shape, dtype=dtype), probabilities
