"""Upsampling and argmax in one Triton kernel, which keeps the upsampled logits in registers."""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype
from contextseg.ops.upsampled_argmax.result import empty
from contextseg.ops.upsampled_fused import BLOCK_W, DTYPES, bilinear, signature, table, triton_dtype

BLOCK_L = 16  # classes at a time


def upsampled_argmax(
    coarse_logits: Tensor,
    size: tuple[int, int],
    align_corners: bool,
    confidence: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor | None]:
    """Labels [B, h, w] and their probabilities; see `contextseg.ops.upsampled_argmax`."""
    labels, probabilities = best_classes(coarse_logits, *size, align_corners, confidence, dtype)
    return labels, probabilities if confidence else None


@triton.jit
def argmax_kernel(
    logits_ptr,  # [B, L, H, W], any strides
    above_ptr,  # [h], and so on: see Table
    below_ptr,
    down_ptr,
    left_ptr,  # [w]
    right_ptr,
    across_ptr,
    labels_ptr,  # [B, h, w]
    probabilities_ptr,  # [B, h, w], only if CONFIDENCE
    L,
    height,
    width,
    stride_b,
    stride_l,
    stride_h,
    stride_w,
    CONFIDENCE: tl.constexpr,
    SUM: tl.constexpr,
    BLOCK_L: tl.constexpr,
    BLOCK_W: tl.constexpr,
):
    """BLOCK_W pixels of one row of one image."""
    x = tl.program_id(0) * BLOCK_W + tl.arange(0, BLOCK_W)
    y = tl.program_id(1)
    image = tl.program_id(2).to(tl.int64)
    logits_ptr += image * stride_b
    inside = x < width
    upper, lower = tl.load(above_ptr + y) * stride_h, tl.load(below_ptr + y) * stride_h
    down = tl.load(down_ptr + y)
    left = tl.load(left_ptr + x, mask=inside, other=0) * stride_w
    right = tl.load(right_ptr + x, mask=inside, other=0) * stride_w
    across = tl.load(across_ptr + x, mask=inside, other=0.0)
    best = tl.full((BLOCK_W,), -float("inf"), SUM)
    label = tl.zeros((BLOCK_W,), tl.int32)
    total = tl.zeros((BLOCK_W,), SUM)
    for start in range(0, L, BLOCK_L):
        c = start + tl.arange(0, BLOCK_L)
        logits = bilinear(
            logits_ptr + c.to(tl.int64)[:, None] * stride_l,
            (c[:, None] < L) & inside[None, :],
            upper,
            lower,
            down,
            left[None, :],
            right[None, :],
            across[None, :],
            SUM,
        )
        logits = tl.where(c[:, None] < L, logits, -float("inf"))
        keys = tl.where(logits != logits, float("inf"), logits)  # NaN comes before all others
        highest = tl.max(keys, 0)
        index = tl.min(tl.where(keys == highest[None, :], c[:, None], L), 0)
        label = tl.where(highest > best, index, label)
        highest = tl.maximum(best, highest)
        if CONFIDENCE:
            total = total * tl.exp(best - highest) + tl.sum(tl.exp(logits - highest[None, :]), 0)
        best = highest
    at = (image * height + y) * width + x
    tl.store(labels_ptr + at, label.to(labels_ptr.dtype.element_ty), mask=inside)
    if CONFIDENCE:
        tl.store(probabilities_ptr + at, 1 / total, mask=inside)


@torch.library.custom_op("contextseg::upsampled_argmax", mutates_args=())
def best_classes(
    coarse_logits: Tensor,
    height: int,
    width: int,
    align_corners: bool,
    confidence: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Labels [B, h, w] and probabilities [B, h, w], or [0] without `confidence`."""
    B, L, H, W = coarse_logits.shape
    exact, device = sum_dtype(coarse_logits.dtype), coarse_logits.device
    labels, probabilities = empty(coarse_logits, height, width, align_corners, confidence, dtype)
    if B == 0:
        return labels, probabilities
    with torch.cuda.device_of(coarse_logits):
        argmax_kernel[(triton.cdiv(width, BLOCK_W), height, B)](
            coarse_logits,
            *table(H, height, align_corners, device, exact),
            *table(W, width, align_corners, device, exact),
            labels,
            probabilities,
            L,
            height,
            width,
            *coarse_logits.stride(),
            CONFIDENCE=confidence,
            SUM=triton_dtype(exact),
            BLOCK_L=BLOCK_L,
            BLOCK_W=BLOCK_W,
        )
    return labels, probabilities


best_classes.register_fake(empty)


def ahead_of_time() -> list[tuple[Any, dict[str, str], dict[str, Any]]]:
    """Kernels, signatures and constants to compile without a GPU."""
    cases = []
    for logits, total in DTYPES:
        kind = tl.float64 if total == "fp64" else tl.float32
        constants = {"CONFIDENCE": True, "SUM": kind, "BLOCK_L": BLOCK_L, "BLOCK_W": BLOCK_W}
        maps = {"labels_ptr": "*u8", "probabilities_ptr": f"*{total}"}
        types = signature(logits, total, maps, ("L", "height", "width"))
        cases.append((argmax_kernel, types | dict.fromkeys(constants, "constexpr"), constants))
    return cases
