"""Matrix products in whichever of PyTorch's libraries is faster on this processor.

On x86 CPUs, PyTorch multiplies float32 matrices with MKL. oneDNN, which it ships for compiled
graphs, was twice as fast on an AMD processor with AVX-512 (docs/ops/context_prior.md).
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, buffer: Tensor) -> Tensor:
    """x [n, c] times the transpose of weight [m, c], plus bias [m].

    Args:
        x: left factor.
        weight: right factor, transposed.
        bias: added to every row, or None.
        buffer: memory [n, m] for the result. oneDNN cannot write to it and allocates its own, so
            use the returned tensor, whichever it is.
    """
    if takes_onednn(x, weight):
        return _onednn_linear(x, weight, bias)
    if bias is None:
        return torch.mm(x, weight.T, out=buffer)
    return torch.addmm(bias, x, weight.T, out=buffer)


def add_product(total: Tensor, a: Tensor, b: Tensor, factor: float = 1.0) -> None:
    """Add `factor` times the product of a [n, c] and b [c, m] to `total` [n, m], in place."""
    if takes_onednn(a, b):
        total.add_(_onednn_linear(a, b.T, None), alpha=factor)
    else:
        total.addmm_(a, b, alpha=factor)


def _onednn_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x [n, c] times the transpose of weight [m, c], plus bias [m], with no activation after it."""
    return torch.ops.mkldnn._linear_pointwise(dense(x), dense(weight), bias, "none", [], "")


def takes_onednn(a: Tensor, b: Tensor) -> bool:
    """Whether oneDNN should multiply two matrices: they are float32, on a CPU, and not empty."""
    if a.device.type != "cpu" or a.dtype != torch.float32 or a.numel() == 0 or b.numel() == 0:
        return False
    return has_onednn() and bool(torch.backends.mkldnn.enabled)  # users may switch it off


@lru_cache(maxsize=1)
def has_onednn() -> bool:
    """Whether this PyTorch has oneDNN, and the processor has AVX-512, with which it is faster."""
    if not torch.backends.mkldnn.is_available():
        return False
    has_avx512 = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return has_avx512 and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def dense(matrix: Tensor) -> Tensor:
    """The matrix, copied if there are gaps between its rows or columns: they slow oneDNN down."""
    if matrix.is_contiguous() or matrix.T.is_contiguous():
        return matrix
    return matrix.contiguous()
