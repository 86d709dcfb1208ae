"""Operators that PyTorch's ONNX exporter translates for some numbers only, for all of them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

from contextseg.system.extras import optional


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """ONNX forms by operator, as `torch.onnx.export` takes them."""
    op = optional("onnxscript", "export").opset18

    def floored(dividend: Any, divisor: Any) -> Any:
        # ONNX divides integers towards zero, and the exporter leaves it at that: sizes rounded up
        # as -(-a // b) came out one too small unless b divides a. Mod takes the divisor's sign, so
        # that what is divided is a multiple of the divisor.
        return op.Div(op.Sub(dividend, op.Mod(dividend, divisor)), divisor)

    # A number that depends on the size of the image is a tensor here, which the exporter tries to
    # write down as a constant.

    def multiplied(tensor: Any, number: Any) -> Any:
        return op.Mul(tensor, op.CastLike(number, tensor))

    def added(tensor: Any, number: Any, alpha: Any = 1) -> Any:
        return op.Add(tensor, _scaled(op, number, alpha, tensor))

    def subtracted(tensor: Any, number: Any, alpha: Any = 1) -> Any:
        return op.Sub(tensor, _scaled(op, number, alpha, tensor))

    aten = torch.ops.aten
    return {
        operator.floordiv: floored,
        aten.mul.Scalar: multiplied,
        aten.add.Scalar: added,
        aten.sub.Scalar: subtracted,
    }


def _scaled(op: Any, number: Any, alpha: Any, like: Any) -> Any:
    """`alpha` times a number, in the dtype of a tensor."""
    number = op.CastLike(number, like)
    return number if alpha == 1 else op.Mul(number, op.CastLike(alpha, like))
