"""The Triton kernels of the upsampled cross-entropy."""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

import triton
import triton.language as tl

from contextseg.ops.upsampled_fused import bilinear


@triton.jit
def forward_kernel(
    logits_ptr,  # [B, L, H, W], any strides
    target_ptr,  # [B, h, w]; -1 is no class
    above_ptr,  # [h], and so on: see Table
    below_ptr,
    down_ptr,
    left_ptr,  # [w]
    right_ptr,
    across_ptr,
    log_sum_ptr,  # [B, h, w]
    true_ptr,  # [B, h, w]
    L,
    height,
    width,
    stride_b,
    stride_l,
    stride_h,
    stride_w,
    SUM: tl.constexpr,
    BLOCK_L: tl.constexpr,
    BLOCK_W: tl.constexpr,
):
    """BLOCK_W pixels of one row of one image."""
    x = tl.program_id(0) * BLOCK_W + tl.arange(0, BLOCK_W)
    y = tl.program_id(1)
    image = tl.program_id(2).to(tl.int64)
    logits_ptr += image * stride_b
    at = (image * height + y) * width + x
    inside = x < width
    upper, lower = tl.load(above_ptr + y) * stride_h, tl.load(below_ptr + y) * stride_h
    down = tl.load(down_ptr + y)
    left = tl.load(left_ptr + x, mask=inside, other=0) * stride_w
    right = tl.load(right_ptr + x, mask=inside, other=0) * stride_w
    across = tl.load(across_ptr + x, mask=inside, other=0.0)
    best = tl.full((BLOCK_W,), -float("inf"), SUM)
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
        higher = tl.maximum(best, tl.max(logits, 0))
        total = total * tl.exp(best - higher) + tl.sum(tl.exp(logits - higher[None, :]), 0)
        best = higher
    target = tl.load(target_ptr + at, mask=inside, other=-1)
    known = inside & (target >= 0) & (target < L)
    own = logits_ptr + tl.where(known, target, 0) * stride_l
    true = bilinear(own, known, upper, lower, down, left, right, across, SUM)
    true = tl.where(known | (target == -1), true, float("nan"))  # a label that is no class
    tl.store(log_sum_ptr + at, best + tl.log(total), mask=inside)
    tl.store(true_ptr + at, true, mask=inside)


@triton.jit
def backward_kernel(
    logits_ptr,  # [B, L, H, W], any strides
    target_ptr,  # [B, h, w]
    above_ptr,  # [h], and so on: see Table
    below_ptr,
    down_ptr,
    left_ptr,  # [w]
    right_ptr,
    across_ptr,
    row_range_ptr,  # [2, H]: image rows that a feature row touches, from and to
    column_range_ptr,  # [2, W]
    log_sum_ptr,  # [B, h, w]
    slope_log_sum_ptr,  # [B, h, w]
    slope_true_ptr,  # [B, h, w]
    grad_ptr,  # [B, L, H, W], contiguous
    L,
    H,
    W,
    height,
    width,
    stride_b,
    stride_l,
    stride_h,
    stride_w,
    SUM: tl.constexpr,
    BLOCK_L: tl.constexpr,
    BLOCK_J: tl.constexpr,
):
    """BLOCK_L classes of BLOCK_J feature pixels of one row of one image."""
    row_blocks = tl.cdiv(W, BLOCK_J)
    i = tl.program_id(0) // row_blocks
    j = tl.program_id(0) % row_blocks * BLOCK_J + tl.arange(0, BLOCK_J)
    c = tl.program_id(1) * BLOCK_L + tl.arange(0, BLOCK_L)
    image = tl.program_id(2).to(tl.int64)
    own = (c[:, None] < L) & (j[None, :] < W)
    pointers = logits_ptr + image * stride_b + c.to(tl.int64)[:, None] * stride_l
    first = tl.load(column_range_ptr + j, mask=j < W, other=0)
    last = tl.load(column_range_ptr + W + j, mask=j < W, other=0)
    span = tl.max(last - first, 0)
    top = tl.load(row_range_ptr + i)
    bottom = tl.load(row_range_ptr + H + i)
    grad = tl.zeros((BLOCK_L, BLOCK_J), SUM)
    for y in range(top, bottom):
        above, below = tl.load(above_ptr + y), tl.load(below_ptr + y)
        down = tl.load(down_ptr + y)
        upper, lower = above * stride_h, below * stride_h
        row_weight = tl.where(above == i, 1 - down, 0.0) + tl.where(below == i, down, 0.0)
        for slot in range(span):
            x = first + slot
            inside = x < last
            left = tl.load(left_ptr + x, mask=inside, other=0)
            right = tl.load(right_ptr + x, mask=inside, other=0)
            across = tl.load(across_ptr + x, mask=inside, other=0.0)
            weight = tl.where(left == j, 1 - across, 0.0) + tl.where(right == j, across, 0.0)
            weight = tl.where(inside, weight * row_weight, 0.0)
            at = (image * height + y) * width + x
            known = own & inside[None, :]
            start, end = left[None, :] * stride_w, right[None, :] * stride_w
            part = across[None, :]
            logits = bilinear(pointers, known, upper, lower, down, start, end, part, SUM)
            log_sum = tl.load(log_sum_ptr + at, mask=inside, other=0.0)
            slope = tl.load(slope_log_sum_ptr + at, mask=inside, other=0.0) * weight
            pull = tl.load(slope_true_ptr + at, mask=inside, other=0.0) * weight
            target = tl.load(target_ptr + at, mask=inside, other=-1)
            grad += slope[None, :] * tl.exp(logits - log_sum[None, :])
            grad += tl.where(target[None, :] == c[:, None], pull[None, :], 0.0)
    plane = (image * L + c[:, None]) * H + i
    tl.store(grad_ptr + plane * W + j[None, :], grad, mask=own)
