"""Options of the two Gaussian kernels, and what the forms of an op share about them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Kernels(NamedTuple):
    """Standard deviations of the kernels, and how far they reach."""

    position: float
    """Of the appearance kernel, in pixels."""
    colour: float
    """Of the appearance kernel, in units of the image's values."""
    spread: float
    """Of the smoothness kernel, in pixels."""
    reach: int | None
    """Most rows and columns between the two pixels of a pair; None for all pairs."""


def coordinates(height: int, width: int, like: Tensor) -> Tensor:
    """[H * W, 2]: row and column of each pixel."""
    rows = torch.arange(height, dtype=like.dtype, device=like.device)
    columns = torch.arange(width, dtype=like.dtype, device=like.device)
    return torch.cartesian_prod(rows, columns)


def per_class(weights: Tensor, classes: int) -> Tensor:
    """[2, L] of weights [2] or [2, L]."""
    return weights if weights.ndim == 2 else weights[:, None].expand(2, classes)
