"""Upsampled cross-entropy in Triton kernels, which keep the upsampled logits in registers.

The forward goes through the classes of an image pixel and leaves log Σ_c exp(logit_c) and the logit
of the true class. In the backward a program owns feature pixels and goes through the image pixels
around them, so that sums need no atomics and do not depend on the order of programs. The rest, that
is weights, label smoothing and hard examples, is arithmetic on maps [B, h, w].
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
from contextseg.ops.upsampled_fused import BLOCK_W, DTYPES, signature, table, triton_dtype

BLOCK_L = 16  # classes at a time
BLOCK_J = 16  # feature pixels of a row that a program of the backward owns


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
    dtype, device = sum_dtype(coarse_logits.dtype), coarse_logits.device
    log_sum = coarse_logits.new_empty(target.shape, dtype=dtype)
    true = torch.empty_like(log_sum)
    if B == 0:
        return log_sum, true
    with torch.cuda.device_of(coarse_logits):
        forward_kernel[(triton.cdiv(width, BLOCK_W), height, B)](
            coarse_logits,
            target.contiguous(),
            *table(H, height, align_corners, device, dtype),
            *table(W, width, align_corners, device, dtype),
            log_sum,
            true,
            L,
            height,
            width,
            *coarse_logits.stride(),
            SUM=triton_dtype(dtype),
            BLOCK_L=BLOCK_L,
            BLOCK_W=BLOCK_W,
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
    dtype, device = log_sum.dtype, coarse_logits.device
    grad = coarse_logits.new_empty((B, L, H, W), dtype=dtype)
    if B == 0:
        return grad
    rows = table(H, height, align_corners, device, dtype)
    columns = table(W, width, align_corners, device, dtype)
    with torch.cuda.device_of(coarse_logits):
        backward_kernel[(H * triton.cdiv(W, BLOCK_J), triton.cdiv(L, BLOCK_L), B)](
            coarse_logits,
            target.contiguous(),
            *rows,
            *columns,
            touched(rows.before, rows.after, H),
            touched(columns.before, columns.after, W),
            log_sum,
            slope_log_sum.contiguous(),
            slope_true.contiguous(),
            grad,
            L,
            H,
            W,
            height,
            width,
            *coarse_logits.stride(),
            SUM=triton_dtype(dtype),
            BLOCK_L=BLOCK_L,
            BLOCK_J=BLOCK_J,
        )
    return grad


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


def touched(before: Tensor, after: Tensor, length: int) -> Tensor:
    """First image pixel between whose neighbours each feature pixel is, and the one after the last.

    Returns:
        [2, length], int32; what is from the first on and before the last is all.
    """
    positions = torch.arange(length, dtype=torch.int32, device=before.device)
    first = torch.searchsorted(after, positions)
    last = torch.searchsorted(before, positions, right=True)
    return torch.stack([first, last]).to(torch.int32)


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
        common = {"SUM": tl.float64 if total == "fp64" else tl.float32, "BLOCK_L": BLOCK_L}
        target = {"target_ptr": "*i64"}
        for kernel, block, ranges, names, sizes in (
            (forward_kernel, {"BLOCK_W": BLOCK_W}, (), FORWARD_MAPS, ("L", "height", "width")),
            (
                backward_kernel,
                {"BLOCK_J": BLOCK_J},
                ("row_range_ptr", "column_range_ptr"),
                BACKWARD_MAPS,
                ("L", "H", "W", "height", "width"),
            ),
        ):
            maps = target | dict.fromkeys(ranges, "*i32") | dict.fromkeys(names, f"*{total}")
            constants = common | block
            types = signature(logits, total, maps, sizes) | dict.fromkeys(constants, "constexpr")
            cases.append((kernel, {name: types[name] for name in kernel.arg_names}, constants))
    return cases


FORWARD_MAPS = ("log_sum_ptr", "true_ptr")
BACKWARD_MAPS = ("log_sum_ptr", "slope_log_sum_ptr", "slope_true_ptr", "grad_ptr")
