"""The encoding formula as the paper writes it: slow, plain, and the reference for the others."""

from __future__ import annotations

import torch
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype


def encode(features: Tensor, codewords: Tensor, smoothing: Tensor) -> Tensor:
    """Residual encoders [B, K, C]; see `contextseg.ops.encode`."""
    x, d, s = (t.to(sum_dtype(t.dtype)) for t in (features, codewords, smoothing))
    residuals = x[:, :, None, :] - d  # [B, N, K, C]
    distances = residuals.square().sum(-1)  # [B, N, K]
    assignment = torch.softmax(-s * distances, dim=-1)  # [B, N, K]
    return (assignment[..., None] * residuals).sum(1)  # [B, K, C]
