"""Encoding as matrix products, so that the [B, N, K, C] residuals never exist."""

from __future__ import annotations

import torch
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype


def encode(features: Tensor, codewords: Tensor, smoothing: Tensor) -> Tensor:
    """Residual encoders [B, K, C]; see `contextseg.ops.encode`."""
    x, d, s = (t.to(sum_dtype(t.dtype)) for t in (features, codewords, smoothing))
    # |x - d|² is expanded about the centre of the codebook, where the least is lost to rounding.
    centre = d.mean(0, keepdim=True)  # [1, C]
    x, d = x - centre, d - centre
    squares = x.square().sum(-1, keepdim=True) + d.square().sum(-1)  # [B, N, K]
    distances = squares - 2 * x @ d.mT  # [B, N, K]
    assignment = torch.softmax(-s * distances, dim=-1)  # [B, N, K]
    mass = assignment.sum(1)  # [B, K], pixels that each codeword holds
    return assignment.mT @ x - mass[..., None] * d  # [B, K, C]
