"""The class of each image pixel, from logits at feature size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, overload

import torch
from torch import Tensor

from contextseg.ops.dispatch import Impl, choose, exporting
from contextseg.ops.upsampled_argmax import eager, reference


@overload
def upsampled_argmax(
    coarse_logits: Tensor,
    size: tuple[int, int],
    *,
    align_corners: bool = False,
    confidence: Literal[False] = False,
    dtype: torch.dtype = torch.int64,
    impl: Impl = "auto",
) -> Tensor: ...


@overload
def upsampled_argmax(
    coarse_logits: Tensor,
    size: tuple[int, int],
    *,
    align_corners: bool = False,
    confidence: Literal[True],
    dtype: torch.dtype = torch.int64,
    impl: Impl = "auto",
) -> tuple[Tensor, Tensor]: ...


def upsampled_argmax(
    coarse_logits: Tensor,
    size: tuple[int, int],
    *,
    align_corners: bool = False,
    confidence: bool = False,
    dtype: torch.dtype = torch.int64,
    impl: Impl = "auto",
) -> Tensor | tuple[Tensor, Tensor]:
    """The most likely class of each pixel after bilinear upsampling, without the upsampled logits.

    Equal to `F.interpolate(coarse_logits, size, mode="bilinear").argmax(1)`. It needs a few blocks
    of temporary memory (about 8 MiB each on a CPU) and a copy of the coarse logits, while the plain
    formula needs L times the size of the image; the kernel needs none. Not differentiable.

    Args:
        coarse_logits: [B, L, H, W], floating point, any strides. Half precision is interpolated
            in float32.
        size: rows and columns (h, w) of the image, larger or smaller than (H, W).
        align_corners: convention of the upsampling, as `F.interpolate` defines it.
        confidence: return the softmax probability of the class found too.
        dtype: integer dtype of the labels; uint8 takes an eighth of the memory.
        impl: see `contextseg.ops.dispatch`; `auto` takes the plain formula while a graph is
            exported.

    Confidences are numbers if differences of logits fit into their type: up to magnitudes of 1e38.

    Returns:
        Labels [B, h, w], in 0 to L - 1: the lowest of equally likely classes, and a class whose
        logit is NaN before all others. With `confidence`, also probabilities [B, h, w] in 0 to 1,
        float32 (float64 for float64 logits), NaN where a logit is.

    Raises:
        ValueError: a shape does not fit, `dtype` cannot hold the labels, or `impl` names no
            implementation.
        TypeError: the logits are not floating point.
        RuntimeError: `impl` is `fused` and the kernel cannot run here.
    """
    check_inputs(coarse_logits, size, dtype)
    find = _implementation(impl, coarse_logits)
    labels, probabilities = find(coarse_logits.detach(), size, align_corners, confidence, dtype)
    return labels if probabilities is None else (labels, probabilities)


def _implementation(
    impl: Impl, coarse_logits: Tensor
) -> Callable[..., tuple[Tensor, Tensor | None]]:
    """The function that `impl` stands for."""
    if impl == "auto" and exporting():
        return reference.upsampled_argmax
    match choose("upsampled_argmax", impl, coarse_logits):
        case "reference":
            return reference.upsampled_argmax
        case "eager":
            return eager.upsampled_argmax
        case "fused":
            from contextseg.ops.upsampled_argmax import fused  # imports triton

            return fused.upsampled_argmax


def check_inputs(coarse_logits: Tensor, size: tuple[int, int], dtype: torch.dtype) -> None:
    """Raise unless there are logits [B, L, H, W], a size to reach, and a dtype for L labels."""
    if coarse_logits.ndim != 4 or 0 in coarse_logits.shape[1:]:
        raise ValueError(
            f"upsampled_argmax: coarse_logits must be [B, L, H, W] and not empty, got "
            f"{list(coarse_logits.shape)}. Give those of a single image a batch of one: "
            f"coarse_logits[None]."
        )
    if not coarse_logits.is_floating_point():
        raise TypeError(
            f"upsampled_argmax: coarse_logits must be floating point, got {coarse_logits.dtype}."
        )
    if len(size) != 2 or size[0] < 1 or size[1] < 1:
        raise ValueError(
            f"upsampled_argmax: size must be rows and columns of at least 1, got {list(size)}."
        )
    if dtype.is_floating_point or dtype.is_complex or dtype == torch.bool:
        raise ValueError(f"upsampled_argmax: dtype must be an integer one, got {dtype}.")
    if coarse_logits.shape[1] - 1 > torch.iinfo(dtype).max:
        raise ValueError(
            f"upsampled_argmax: {dtype} cannot hold the labels of {coarse_logits.shape[1]} "
            f"classes in coarse_logits {list(coarse_logits.shape)}. Choose torch.int64."
        )
