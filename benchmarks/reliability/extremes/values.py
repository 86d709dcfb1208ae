"""Numbers at the ends of what formats hold."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Fill = Callable[[Tensor], Tensor]
"""From noise of any shape to values of the same shape."""

FINITE: dict[str, Fill] = {
    "ordinary": lambda noise: noise,
    "all 0": torch.zeros_like,
    "all equal": torch.ones_like,
    "denormal": lambda noise: noise * 1e-42,
    "1e-38": lambda noise: noise * 1e-38,
    "1e4": lambda noise: noise * 1e4,
    "6e4": lambda noise: noise.clamp(-1, 1) * 6e4,
    "1e18": lambda noise: noise.clamp(-1, 1) * 1e18,
    "1e38": lambda noise: noise.clamp(-1, 1) * 1e38,
    "both ends": lambda noise: torch.where(noise > 0, 3e38, -3e38).to(noise.dtype),
    "one at the end": lambda noise: _one(noise, 3e38),
    "far from 0, close together": lambda noise: noise + 1e4,
}
"""Finite ones: results are finite wherever the formula in float64 fits into the type."""
OTHERS: dict[str, Fill] = {
    "a NaN": lambda noise: _one(noise, torch.nan),
    "an infinity": lambda noise: _one(noise, torch.inf),
    "a negative infinity": lambda noise: _one(noise, -torch.inf),
    "all NaN": lambda noise: torch.full_like(noise, torch.nan),
}
"""In the first image of two: nothing may fail, and the second image must not notice."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Ordinary numbers, float32."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _one(noise: Tensor, value: float) -> Tensor:
    filled = noise.clone()
    filled.view(-1)[0] = value
    return filled
