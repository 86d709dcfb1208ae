"""How close is close enough: one idea for the whole suite."""

from __future__ import annotations

import torch
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype


def assert_as_exact(
    actual: Tensor,
    rounded: Tensor,
    exact: Tensor,
    name: str,
    summed: int = 0,
    products: float = 0.0,
) -> None:
    """Assert that `actual` is about as near to `exact` as the formula in the same dtype is.

    Args:
        actual: what the implementation returned.
        rounded: the reference formula in that same dtype.
        exact: the reference formula in float64 on the same (already rounded) inputs.
        name: what is compared, for the message.
        summed: how many numbers a library may sum one after another, in its own order: roundings
            of so many sums add up like a random walk.
        products: relative error of products that are rounded by intent.
    """
    assert actual.dtype == rounded.dtype, f"{name}: {actual.dtype} is not {rounded.dtype}"
    assert torch.isfinite(actual).all(), f"{name}: not finite"
    order_of_sums = max(16, summed**0.5) * torch.finfo(sum_dtype(actual.dtype)).eps
    allowed = 1.5 * rms(rounded - exact) + (order_of_sums + products) * rms(exact)
    error = rms(actual - exact)
    assert error <= allowed, f"{name}: off by {error:.2e}, where the formula allows {allowed:.2e}"


def rms(tensor: Tensor) -> float:
    """Root mean square of the elements."""
    return tensor.double().square().mean().sqrt().item()
