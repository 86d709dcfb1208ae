"""Which implementation of an op runs, and in which dtype it sums."""

from __future__ import annotations

import importlib.util
import os
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, NoReturn, get_args

import torch
from torch import Tensor

Impl = Literal["auto", "reference", "eager", "fused"]
"""How an op is computed.

`reference` is the plain formula; `eager` the fast form in PyTorch operators, on any device; `fused`
a Triton kernel. `auto` takes the kernel for tensors on a CUDA device and the eager form elsewhere.
"""

_HAS_TRITON = importlib.util.find_spec("triton") is not None


def choose(
    op: str, impl: Impl, tensor: Tensor | None = None, *, fused: bool = True
) -> Literal["reference", "eager", "fused"]:
    """Resolve `impl` for the device of an op's input.

    An implementation requested by name runs or raises: it never falls back to another.

    Args:
        op: name of the op, for messages.
        impl: what the caller asked for.
        tensor: the input whose device decides; None for an op without a kernel.
        fused: whether the op has a kernel for this call at all.

    Raises:
        ValueError: `impl` names no implementation of this op.
        RuntimeError: `impl` is `fused` and the kernel cannot run here.
    """
    known = [name for name in get_args(Impl) if name != "fused" or fused]
    if impl not in known:
        raise ValueError(f"{op}: impl must be one of {', '.join(known)}, got {impl!r}.")
    if impl == "auto":
        kernel = fused and tensor is not None and tensor.is_cuda and why_not_fused(tensor) is None
        return "fused" if kernel else "eager"
    if impl == "fused":
        obstacle = "it has no kernel" if tensor is None else why_not_fused(tensor)
        if obstacle:
            raise RuntimeError(
                f"{op}: impl='fused' cannot run here: {obstacle}. Use impl='auto', which takes the "
                f"kernel only where it can run."
            )
    return impl


@torch.compiler.assume_constant_result
def exporting() -> bool:
    """Whether `torch.export` traces this call.

    This is checked outside the traced code: up to PyTorch 2.11, code traced by `torch.compile` also
    reports that it is being exported.
    """
    return torch.compiler.is_exporting()


def why_not_fused(tensor: Tensor) -> str | None:
    """The reason that no Triton kernel can take `tensor`, or None when one can."""
    if exporting():
        return "exported graphs hold PyTorch operators only"
    if not _HAS_TRITON:
        return "Triton is not installed (pip install triton)"
    if not tensor.is_cuda and os.environ.get("TRITON_INTERPRET") != "1":
        return f"the input is on {tensor.device}, and kernels need a CUDA device"
    if tensor.is_cuda and torch.version.hip:
        return "kernels are made for NVIDIA GPUs"
    if tensor.is_cuda and torch.cuda.get_device_capability(tensor.device) < (8, 0):
        return "kernels need a GPU of compute capability 8.0 or newer"
    return None


def sum_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype that sums over pixels run in: float32, or float64 for float64."""
    return torch.promote_types(dtype, torch.float32)


def without_autocast(tensor: Tensor) -> AbstractContextManager[object]:
    """A context in which operators keep the dtypes they are given, regardless of autocast.

    If autocast is off, it does nothing and leaves no trace in an exported graph.
    """
    kind = tensor.device.type  # `meta`, of shapes without numbers, knows no autocast
    if not (torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)):
        return nullcontext()
    return torch.autocast(tensor.device.type, enabled=False)


def refuse_second_derivatives(op: str, form: str = "eager") -> NoReturn:
    """Raise the error of a backward that is not differentiable itself."""
    raise RuntimeError(
        f"{op}: the {form} form has no second derivatives; take impl='reference' for them."
    )
