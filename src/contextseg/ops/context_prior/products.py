"""Matrix products in whichever of PyTorch's libraries is faster on this processor."""

from __future__ import annotations

import torch
from torch import Tensor

from contextseg.ops.context_prior.faster_library import onednn_is_faster, onednn_linear


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, buffer: Tensor) -> Tensor:
    """x [n, c] times the transpose of weight [m, c], plus bias [m].

    Args:
        x: left factor.
        weight: right factor, transposed.
        bias: added to every row, or None.
        buffer: memory [n, m] for the result. oneDNN cannot write to it and allocates its own, so
            use the returned tensor, whichever it is.
    """
    if takes_onednn(x, weight.T):
        return onednn_linear(dense(x), dense(weight), bias)
    if bias is None:
        return torch.mm(x, weight.T, out=buffer)
    return torch.addmm(bias, x, weight.T, out=buffer)


def add_product(total: Tensor, a: Tensor, b: Tensor, factor: float = 1.0) -> None:
    """Add `factor` times the product of a [n, c] and b [c, m] to `total` [n, m], in place."""
    if takes_onednn(a, b):
        total.add_(onednn_linear(dense(a), dense(b.T), None), alpha=factor)
    else:
        total.addmm_(a, b, alpha=factor)


def takes_onednn(a: Tensor, b: Tensor) -> bool:
    """Whether oneDNN should multiply a [n, c] by b [c, m]: float32, on a CPU, large enough."""
    if a.device.type != "cpu" or a.dtype != torch.float32:
        return False
    if not torch.backends.mkldnn.enabled:  # users may switch it off
        return False
    return onednn_is_faster(a.shape[0], a.shape[1], b.shape[1])


def dense(matrix: Tensor) -> Tensor:
    """The matrix, copied if there are gaps between its rows or columns: they slow oneDNN down."""
    if matrix.is_contiguous() or matrix.T.is_contiguous():
        return matrix
    return matrix.contiguous()
