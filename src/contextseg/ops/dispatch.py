"""Which implementation of an op runs, and in which dtype it sums."""

from __future__ import annotations

from typing import Literal, get_args

import torch

Impl = Literal["auto", "reference", "eager"]
"""`reference` is the plain formula, `eager` the fast form on any device; `auto` takes the fast."""


def choose(op: str, impl: Impl) -> Literal["reference", "eager"]:
    """Resolve `impl`.

    Raises:
        ValueError: `impl` names no implementation.
    """
    if impl not in get_args(Impl):
        raise ValueError(f"{op}: impl must be one of {', '.join(get_args(Impl))}, got {impl!r}.")
    return "eager" if impl == "auto" else impl


def sum_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype that sums over pixels run in: float32, or float64 for float64."""
    return torch.promote_types(dtype, torch.float32)
