"""Products of batches of matrices into given memory, of narrow numbers with wide sums."""

from __future__ import annotations

import torch
from torch import Tensor

LINE = 16
"""Bytes that the rows of a matrix begin at multiples of where GPUs multiply it fast."""


def multiply(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Write the product of a [B, n, c] and b [B, c, m] to `out` [B, n, m], of any dtype."""
    if not fits(out) and out.shape[2] % (LINE // out.itemsize) == 0:
        room = out.new_empty(out.shape)
        multiply(a, b, room)
        out.copy_(room)
    elif out.dtype == a.dtype:
        torch.bmm(a, b, out=out)
    elif mixed(a, out):
        torch.bmm(a, b, out_dtype=out.dtype, out=out)  # type: ignore[call-overload]
    else:
        wide = torch.promote_types(a.dtype, torch.float32)
        out.copy_(torch.bmm(a.to(wide), b.to(wide)))


def add_product(total: Tensor, a: Tensor, b: Tensor, factor: float = 1.0) -> None:
    """Add `factor` times the product of a [B, n, c] and b [B, c, m] to `total` [B, n, m]."""
    if mixed(a, total):
        torch.baddbmm(total, a, b, out_dtype=total.dtype, alpha=factor, out=total)  # type: ignore[call-overload]
    else:
        total.baddbmm_(a.to(total.dtype), b.to(total.dtype), alpha=factor)


def mixed(a: Tensor, out: Tensor) -> bool:
    """Whether a library multiplies numbers of `a` and writes their sums as those of `out`."""
    narrow = a.dtype in (torch.bfloat16, torch.float16)
    return narrow and a.is_cuda and out.dtype == torch.float32


def aligned(matrices: Tensor) -> Tensor:
    """Matrices [B, n, c], copied if their rows begin anywhere and those of a copy would not.

    A view of a feature map with an odd number of pixels is such a case.
    """
    if fits(matrices) or matrices.shape[2] % (LINE // matrices.itemsize):
        return matrices
    return matrices.contiguous()


def whole_lines(count: int, dtype: torch.dtype) -> int:
    """The least number from `count` on of numbers of a dtype that fill lines."""
    step = LINE // dtype.itemsize
    return -(-count // step) * step


def fits(matrices: Tensor) -> bool:
    """Whether the rows or the columns of matrices [B, n, c] begin where a GPU reads fast."""
    step, strides = LINE // matrices.itemsize, matrices.stride()[1:]
    return 1 in strides and max(strides) % step == 0 and matrices.data_ptr() % LINE == 0
