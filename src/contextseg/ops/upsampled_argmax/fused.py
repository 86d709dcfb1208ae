"""Upsampling and argmax in one Triton kernel, which keeps the upsampled logits in registers.

A thread owns a column of the image pixels between two feature rows. Along it an upsampled logit
grows evenly: its ends cost four loads, each value one product. Where no column of a program has an
end above the lowest of the best logits so far, the class cannot win and its values are skipped; of
a trained network's classes few are left.
"""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# pyright: reportGeneralTypeIssues=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype
from contextseg.ops.upsampled_argmax.result import empty
from contextseg.ops.upsampled_fused import (
    DTYPES,
    SIZES,
    coalesced,
    distance,
    first_pixel,
    line,
    neighbours,
    scale,
    signature,
    triton_dtype,
)

BLOCK_W = 32  # image columns of a program
MOST_ROWS = 16  # image rows of a program at most
WARPS = 1
SKIP = True  # leave out classes that can win nowhere; pays if few pixels have to agree


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
def challenge(best, label, least, name, top, growth, down, SKIP: tl.constexpr):
    """Let a class, whose logits are `top + growth * down`, take the pixels in which it is best.

    Args:
        best: highest logits so far, [rows, columns].
        label: the classes they are of.
        least: lowest of `best` in each column, [columns].
        name: the class.
        top: its logits in the feature row above, [columns].
        growth: their growth to the feature row below.
        down: weight of the latter, [rows].
        SKIP: leave out classes that can win nowhere.
    """
    wins = True
    if SKIP:
        # NaN is never beaten: it has to come through.
        beaten = (tl.maximum(top, top + growth) <= least) & (growth == growth)
        wins = tl.min(beaten.to(tl.int32), 0) == 0
    if wins:
        logits = top[None, :] + growth[None, :] * down[:, None]
        # NaN is best, and stays so.
        higher = ((logits > best) | (logits != logits)) & (best == best)
        best = tl.where(higher, logits, best)
        label = tl.where(higher, name, label)
        if SKIP:
            least = tl.min(best, 0)
    return best, label, least


@triton.jit(do_not_specialize=SIZES)
def argmax_kernel(
    logits_ptr,  # [B, L, H, W], neighbours in a row side by side
    labels_ptr,  # [B, h, w]
    probabilities_ptr,  # [B, h, w], only if CONFIDENCE
    L,
    H,
    height,
    row_times,
    row_plus,
    row_per,
    W,
    width,
    column_times,
    column_plus,
    column_per,
    stride_b,
    stride_l,
    stride_h,
    CONFIDENCE: tl.constexpr,
    SUM: tl.constexpr,
    SKIP: tl.constexpr,
    PARTS: tl.constexpr,
    BLOCK_H: tl.constexpr,
    BLOCK_W: tl.constexpr,
):
    """BLOCK_W columns of BLOCK_H rows between two feature rows, PARTS times as many."""
    cell = tl.program_id(1) // PARTS
    start = first_pixel(cell, H, height, row_times, row_plus, row_per)
    stop = first_pixel(cell + 1, H, height, row_times, row_plus, row_per)
    start += tl.program_id(1) % PARTS * BLOCK_H
    if start >= stop:
        return
    y = start + tl.arange(0, BLOCK_H)
    x = tl.program_id(0) * BLOCK_W + tl.arange(0, BLOCK_W)
    image = tl.program_id(2).to(tl.int64)
    row = tl.maximum(cell - 1, 0)
    down = distance(y, row, row_times, row_plus, row_per, SUM)
    left, right, across = neighbours(x, W, column_times, column_plus, column_per, SUM)
    above, below = row * stride_h, tl.minimum(cell, H - 1) * stride_h
    logits_ptr += image * stride_b
    best = tl.full((BLOCK_H, BLOCK_W), -float("inf"), SUM)
    least = tl.full((BLOCK_W,), -float("inf"), SUM)
    label = tl.zeros((BLOCK_H, BLOCK_W), tl.int32)
    step = stride_l.to(tl.int64)
    for c in range(0, L, 4):  # what four classes need is loaded at once
        # The last class again where there are no four more: it wins nothing from itself.
        c1, c2, c3 = tl.minimum(c + 1, L - 1), tl.minimum(c + 2, L - 1), tl.minimum(c + 3, L - 1)
        top0, growth0 = line(logits_ptr + c * step, above, below, left, right, across, SUM)
        top1, growth1 = line(logits_ptr + c1 * step, above, below, left, right, across, SUM)
        top2, growth2 = line(logits_ptr + c2 * step, above, below, left, right, across, SUM)
        top3, growth3 = line(logits_ptr + c3 * step, above, below, left, right, across, SUM)
        best, label, least = challenge(best, label, least, c, top0, growth0, down, SKIP)
        best, label, least = challenge(best, label, least, c1, top1, growth1, down, SKIP)
        best, label, least = challenge(best, label, least, c2, top2, growth2, down, SKIP)
        best, label, least = challenge(best, label, least, c3, top3, growth3, down, SKIP)
    at = (image * height + y[:, None]) * width + x[None, :]
    inside = (y[:, None] < stop) & (x[None, :] < width)
    tl.store(labels_ptr + at, label.to(labels_ptr.dtype.element_ty), mask=inside)
    if CONFIDENCE:
        total = tl.zeros((BLOCK_H, BLOCK_W), SUM)
        for c in tl.range(0, L, loop_unroll_factor=4):
            top, growth = line(logits_ptr + c * step, above, below, left, right, across, SUM)
            total += tl.exp(top[None, :] + growth[None, :] * down[:, None] - best)
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
    labels, probabilities = empty(coarse_logits, height, width, align_corners, confidence, dtype)
    if B == 0:
        return labels, probabilities
    logits = coalesced(coarse_logits)
    rows, columns = scale(H, height, align_corners), scale(W, width, align_corners)
    block_h = min(triton.next_power_of_2(rows.slots), MOST_ROWS)
    parts = triton.cdiv(rows.slots, block_h)
    with torch.cuda.device_of(logits):
        argmax_kernel[(triton.cdiv(width, BLOCK_W), (H + 1) * parts, B)](
            logits,
            labels,
            probabilities,
            L,
            *rows,
            *columns,
            *logits.stride()[:3],
            CONFIDENCE=confidence,
            SUM=triton_dtype(sum_dtype(logits.dtype)),
            SKIP=SKIP,
            PARTS=parts,
            BLOCK_H=block_h,
            BLOCK_W=BLOCK_W,
            num_warps=WARPS,
        )
    return labels, probabilities


best_classes.register_fake(empty)


def ahead_of_time() -> list[tuple[Any, dict[str, str], dict[str, Any]]]:
    """Kernels, signatures and constants to compile without a GPU."""
    cases = []
    for logits, total in DTYPES:
        kind = tl.float64 if total == "fp64" else tl.float32
        constants = {"CONFIDENCE": True, "SUM": kind, "SKIP": SKIP, "PARTS": 1}
        constants |= {"BLOCK_H": 8, "BLOCK_W": BLOCK_W}
        types = signature(logits, {"labels_ptr": "*u8", "probabilities_ptr": f"*{total}"})
        types |= dict.fromkeys(constants, "constexpr")
        cases.append((argmax_kernel, types, constants | {"num_warps": WARPS}))
    return cases
