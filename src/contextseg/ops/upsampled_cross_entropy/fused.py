"""Upsampled cross-entropy in Triton kernels, which keep the upsampled logits in registers.

The forward goes through the classes of an image pixel and leaves log Σ_c exp(logit_c) and the logit
of the true class. The backward sums over the pixels between four feature pixels; each of these then
adds up what comes from its sides. Sums do not depend on the order of programs: a number in memory
is a sum of two at most. The rest, that is weights, label smoothing and hard examples, is arithmetic
on maps [B, h, w].
"""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from contextseg.ops.dispatch import refuse_second_derivatives, sum_dtype
from contextseg.ops.upsampled_cross_entropy.kernels import backward_kernel, forward_kernel
from contextseg.ops.upsampled_cross_entropy.options import LossOptions, is_hard
from contextseg.ops.upsampled_fused import DTYPES, coalesced, scale, signature, triton_dtype

BLOCK_W = 128  # image columns of a program of the forward
MOST_ROWS = 16  # and its image rows, at most
UNROLL = 4  # classes whose loads may be under way at once
BLOCK_L = 8  # classes of a program of the backward
CELLS = 16  # and its cells
MOST_SLOTS = 32  # and the columns of a cell it goes through at a time, at most
WARPS = {"forward": 4, "backward": 4}


def upsampled_cross_entropy(
    coarse_logits: Tensor, labels: Tensor, options: LossOptions
) -> tuple[Tensor, Tensor]:
    """Sum of losses and of weights; see `contextseg.ops.upsampled_cross_entropy`."""
    dtype, L = sum_dtype(coarse_logits.dtype), coarse_logits.shape[1]
    labels = labels.to(torch.int64)
    valid = labels != options.ignore_index
    target = torch.where(valid, labels, -1)
    log_sum, true = log_sum_and_true(coarse_logits, target, options.align_corners)
    if options.ohem_threshold is not None:
        hard = is_hard((log_sum - true).detach(), valid, options)
        valid = valid & hard
    weights = None if options.class_weights is None else options.class_weights.to(dtype)
    share = valid.to(dtype)
    if weights is not None:
        share = share * weights[target.clamp(0, L - 1)]
    losses = share * (1 - options.label_smoothing) * (log_sum - true)
    if options.label_smoothing > 0:
        each = coarse_logits.new_full((L,), options.label_smoothing / L, dtype=dtype)
        spread = each if weights is None else each * weights
        # No matrix product: autocast would round it in a backward that runs under it.
        mixed = (coarse_logits.to(dtype) * spread[:, None, None]).sum(1, keepdim=True)
        mixed = F.interpolate(
            mixed, labels.shape[1:], mode="bilinear", align_corners=options.align_corners
        )[:, 0]
        losses = losses + torch.where(valid, spread.sum() * log_sum - mixed, 0)
    return losses.sum(), share.sum()


@torch.library.custom_op("contextseg::upsampled_log_sum_and_true", mutates_args=())
def log_sum_and_true(
    coarse_logits: Tensor, target: Tensor, align_corners: bool
) -> tuple[Tensor, Tensor]:
    """Log of the sum of exponentials over classes, and logit of the true class, of each pixel.

    Args:
        coarse_logits: [B, L, H, W], floating point.
        target: true class of each pixel, [B, h, w], int64; -1 for none.
        align_corners: convention of the upsampling.

    Returns:
        [B, h, w] twice, float32 or float64; the logit is 0 for -1 and NaN for what is no class.
    """
    (B, L, H, W), (height, width) = coarse_logits.shape, target.shape[1:]
    dtype = sum_dtype(coarse_logits.dtype)
    log_sum = coarse_logits.new_empty(target.shape, dtype=dtype)
    true = torch.empty_like(log_sum)
    if B == 0:
        return log_sum, true
    logits = coalesced(coarse_logits)
    rows, columns = scale(H, height, align_corners), scale(W, width, align_corners)
    block_h = min(triton.next_power_of_2(rows.slots), MOST_ROWS)
    parts = triton.cdiv(rows.slots, block_h)
    with torch.cuda.device_of(logits):
        forward_kernel[(triton.cdiv(width, BLOCK_W), (H + 1) * parts, B)](
            logits,
            target.contiguous(),
            log_sum,
            true,
            L,
            *rows,
            *columns,
            *logits.stride()[:3],
            SUM=triton_dtype(dtype),
            PARTS=parts,
            BLOCK_H=block_h,
            BLOCK_W=BLOCK_W,
            UNROLL=UNROLL,
            num_warps=WARPS["forward"],
        )
    return log_sum, true


@log_sum_and_true.register_fake
def _(coarse_logits: Tensor, target: Tensor, align_corners: bool) -> tuple[Tensor, Tensor]:
    log_sum = coarse_logits.new_empty(target.shape, dtype=sum_dtype(coarse_logits.dtype))
    return log_sum, torch.empty_like(log_sum)


@torch.library.custom_op("contextseg::upsampled_log_sum_and_true_backward", mutates_args=())
def gradient(
    coarse_logits: Tensor,
    target: Tensor,
    log_sum: Tensor,
    slope_log_sum: Tensor,
    slope_true: Tensor,
    align_corners: bool,
) -> Tensor:
    """Gradient [B, L, H, W], in the dtype of `log_sum`, of which the slopes are."""
    (B, L, H, W), (height, width) = coarse_logits.shape, target.shape[1:]
    above, below = (log_sum.new_zeros((B, L, H, W)) for _ in range(2))
    if B == 0:
        return above
    logits = coalesced(coarse_logits)
    rows, columns = scale(H, height, align_corners), scale(W, width, align_corners)
    slots = min(triton.next_power_of_2(columns.slots), MOST_SLOTS)
    with torch.cuda.device_of(logits):
        backward_kernel[((H + 1) * triton.cdiv(W + 1, CELLS), triton.cdiv(L, BLOCK_L), B)](
            logits,
            target.contiguous(),
            log_sum,
            slope_log_sum.contiguous(),
            slope_true.contiguous(),
            above,
            below,
            L,
            *rows,
            *columns,
            *logits.stride()[:3],
            SUM=triton_dtype(log_sum.dtype),
            BLOCK_L=BLOCK_L,
            CELLS=CELLS,
            PARTS=triton.cdiv(columns.slots, slots),
            SLOTS=slots,
            num_warps=WARPS["backward"],
        )
    return above.add_(below)


@gradient.register_fake
def _(
    coarse_logits: Tensor,
    target: Tensor,
    log_sum: Tensor,
    slope_log_sum: Tensor,
    slope_true: Tensor,
    align_corners: bool,
) -> Tensor:
    return torch.empty(coarse_logits.shape, dtype=log_sum.dtype, device=coarse_logits.device)


def _save(ctx: Any, inputs: tuple[Tensor, Tensor, bool], output: tuple[Tensor, Tensor]) -> None:
    coarse_logits, target, ctx.align_corners = inputs
    ctx.save_for_backward(coarse_logits, target, output[0])


def _backward(ctx: Any, slope_log_sum: Tensor, slope_true: Tensor) -> tuple[Tensor, None, None]:
    coarse_logits, target, log_sum = ctx.saved_tensors
    grad = gradient(coarse_logits, target, log_sum, slope_log_sum, slope_true, ctx.align_corners)
    return grad.to(coarse_logits.dtype), None, None


def _no_second_derivatives(ctx: Any, *slopes: Tensor) -> None:
    refuse_second_derivatives("upsampled_cross_entropy", "fused")


log_sum_and_true.register_autograd(_backward, setup_context=_save)
gradient.register_autograd(_no_second_derivatives)


def ahead_of_time() -> list[tuple[Any, dict[str, str], dict[str, Any]]]:
    """Kernels, signatures and constants to compile without a GPU."""
    cases = []
    for logits, total in DTYPES:
        kind = tl.float64 if total == "fp64" else tl.float32
        forward = {"PARTS": 1, "BLOCK_H": 8, "BLOCK_W": BLOCK_W, "UNROLL": UNROLL}
        backward = {"BLOCK_L": BLOCK_L, "CELLS": CELLS, "PARTS": 1, "SLOTS": 8}
        for kernel, constants in ((forward_kernel, forward), (backward_kernel, backward)):
            constants = {"SUM": kind} | constants
            names = [name for name in kernel.arg_names if name.endswith("_ptr")][1:]
            maps = dict.fromkeys(names, f"*{total}") | {"target_ptr": "*i64"}
            types = signature(logits, maps) | dict.fromkeys(constants, "constexpr")
            warps = WARPS["forward" if kernel is forward_kernel else "backward"]
            cases.append(
                (kernel, {n: types[n] for n in kernel.arg_names}, constants | {"num_warps": warps})
            )
    return cases
