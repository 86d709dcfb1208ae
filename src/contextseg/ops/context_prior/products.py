"""Matrix products with whichever of PyTorch's libraries is faster on this processor.

PyTorch multiplies float32 matrices on an x86 CPU with MKL. oneDNN, which it includes for compiled
graphs, was twice as fast on an AMD processor with AVX-512 (docs/ops/context_prior.md).
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, room: Tensor) -> Tensor:
    """x [n, c] times the transpose of weight [m, c], plus bias [m]; perhaps in `room` [n, m]."""
    if takes_onednn(x, weight):
        return torch.ops.mkldnn._linear_pointwise(dense(x), dense(weight), bias, "none", [], "")
    if bias is None:
        return torch.mm(x, weight.T, out=room)
    return torch.addmm(bias, x, weight.T, out=room)


def add_product(total: Tensor, a: Tensor, b: Tensor, share: float = 1.0) -> None:
    """Add the product of a [n, c] and b [c, m], times a number, to `total` [n, m] in place."""
    if takes_onednn(a, b):
        product = torch.ops.mkldnn._linear_pointwise(dense(a), dense(b.T), None, "none", [], "")
        total.add_(product, alpha=share)
    else:
        total.addmm_(a, b, alpha=share)


def takes_onednn(a: Tensor, b: Tensor) -> bool:
    """Whether oneDNN should compute a product of two matrices: float32, AVX-512."""
    if a.device.type != "cpu" or a.dtype != torch.float32 or a.numel() == 0 or b.numel() == 0:
        return False
    return has_onednn() and bool(torch.backends.mkldnn.enabled)  # a user may switch it off


@lru_cache(maxsize=1)
def has_onednn() -> bool:
    """Whether oneDNN is part of this PyTorch, and the processor is one on which it is faster."""
    if not torch.backends.mkldnn.is_available():
        return False
    wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return wide and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def dense(matrix: Tensor) -> Tensor:
    """The matrix without gaps between its rows or columns, with which oneDNN would be slow."""
    if matrix.is_contiguous() or matrix.T.is_contiguous():
        return matrix
    return matrix.contiguous()
