"""Sums over rows and columns weighted by a Gaussian, exact to rounding, by matrix products."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 32
"""Rows or columns computed by one product with a band of the kernel's matrix."""


def smooth(values: Tensor, spread: float, reach: int | None) -> Tensor:
    """Sums over all pixels, weighted by a Gaussian of their distance that is 1 at distance 0.

    Args:
        values: [B, H, W, L].
        spread: standard deviation in pixels.
        reach: most rows and columns between two pixels; None for all pairs.

    Returns:
        [B, H, W, L], contiguous.
    """
    rows = _along(values.flatten(2), spread, reach).view(values.shape)
    return _along(rows.flatten(0, 1), spread, reach).view(values.shape)


def _along(values: Tensor, spread: float, reach: int | None) -> Tensor:
    """Weighted sums along the middle dimension of [batch, length, others]."""
    batch, length, others = values.shape
    # Beyond this distance the kernel is below the unit roundoff.
    radius = math.ceil(spread * math.sqrt(-2 * math.log(torch.finfo(values.dtype).eps)))
    radius = min(radius, length - 1, length if reach is None else reach)
    block = min(BLOCK, length)
    blocks = -(-length // block)
    ends = (0, 0, radius, radius + blocks * block - length)
    windows = F.pad(values, ends).unfold(1, block + 2 * radius, block)
    found = values.new_empty((batch, blocks * block, others))
    torch.matmul(
        _band(block, radius, spread, values),
        windows.transpose(2, 3),  # [batch, blocks, block + 2 radius, others]
        out=found.view(batch, blocks, block, others),
    )
    return found[:, :length]


def _band(block: int, radius: int, spread: float, like: Tensor) -> Tensor:
    """[block, block + 2 radius]: the kernel between a row and those around its block."""
    here = torch.arange(block, dtype=like.dtype, device=like.device)
    there = torch.arange(block + 2 * radius, dtype=like.dtype, device=like.device) - radius
    apart = there - here[:, None]
    return torch.exp(-0.5 * (apart / spread).square()) * (apart.abs() <= radius)
