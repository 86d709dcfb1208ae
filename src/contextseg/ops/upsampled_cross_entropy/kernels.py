"""The Triton kernels of the upsampled cross-entropy.

Both go through the cells between feature pixels, so that a logit's neighbours are loaded once for
all image rows of a cell, in which upsampled logits grow evenly.
"""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# pyright: reportGeneralTypeIssues=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

import triton
import triton.language as tl

from contextseg.ops.upsampled_fused import SIZES, distance, first_pixel, line, neighbours


@triton.jit(do_not_specialize=SIZES)
def forward_kernel(
    logits_ptr,  # [B, L, H, W], neighbours in a row side by side
    target_ptr,  # [B, h, w]; -1 is no class
    log_sum_ptr,  # [B, h, w]
    true_ptr,  # [B, h, w]
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
    SUM: tl.constexpr,
    PARTS: tl.constexpr,
    BLOCK_H: tl.constexpr,
    BLOCK_W: tl.constexpr,
    UNROLL: tl.constexpr,
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
    step = stride_l.to(tl.int64)
    best = tl.full((BLOCK_H, BLOCK_W), -float("inf"), SUM)
    for c in tl.range(0, L, loop_unroll_factor=UNROLL):
        top, growth = line(logits_ptr + c * step, above, below, left, right, across, SUM)
        best = tl.maximum(best, top[None, :] + growth[None, :] * down[:, None])
    total = tl.zeros((BLOCK_H, BLOCK_W), SUM)
    for c in tl.range(0, L, loop_unroll_factor=UNROLL):
        top, growth = line(logits_ptr + c * step, above, below, left, right, across, SUM)
        total += tl.exp(top[None, :] + growth[None, :] * down[:, None] - best)
    at = (image * height + y[:, None]) * width + x[None, :]
    inside = (y[:, None] < stop) & (x[None, :] < width)
    tl.store(log_sum_ptr + at, best + tl.log(total), mask=inside)
    for offset in range(tl.minimum(stop - start, BLOCK_H)):
        here = start + offset
        place = (image * height + here) * width + x
        target = tl.load(target_ptr + place, mask=x < width, other=-1)
        known = (target >= 0) & (target < L)
        own = logits_ptr + tl.where(known, target, 0) * step
        top, growth = line(own, above, below, left, right, across, SUM)
        true = top + growth * distance(here, row, row_times, row_plus, row_per, SUM)
        # A label that is no class makes the loss NaN.
        true = tl.where(known, true, tl.where(target == -1, 0.0, float("nan")))
        tl.store(true_ptr + place, true, mask=x < width)


@triton.jit(do_not_specialize=SIZES)
def backward_kernel(
    logits_ptr,  # [B, L, H, W], neighbours in a row side by side
    target_ptr,  # [B, h, w]
    log_sum_ptr,  # [B, h, w]
    slope_log_sum_ptr,  # [B, h, w]
    slope_true_ptr,  # [B, h, w]
    above_ptr,  # [B, L, H, W], contiguous, zeros: what cells pull at the feature row above them
    below_ptr,  # [B, L, H, W], contiguous, zeros: and at the one below
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
    SUM: tl.constexpr,
    BLOCK_L: tl.constexpr,
    CELLS: tl.constexpr,
    PARTS: tl.constexpr,
    SLOTS: tl.constexpr,
):
    """BLOCK_L classes of CELLS cells of one row of cells, in PARTS of SLOTS columns.

    The gradient with respect to the corners of a cell needs four sums over its pixels: of their
    gradients, and of these times the weight of the column to the right, of the row below, and of
    both. A feature pixel is the corner of two cells of a row of cells: in `above` and in `below` it
    gets a sum of two numbers each, the same whichever comes first.
    """
    row_blocks = tl.cdiv(W + 1, CELLS)
    i = tl.program_id(0) // row_blocks
    start = first_pixel(i, H, height, row_times, row_plus, row_per)
    stop = first_pixel(i + 1, H, height, row_times, row_plus, row_per)
    if start >= stop:
        return
    first_cell = tl.program_id(0) % row_blocks * CELLS
    c = tl.program_id(1) * BLOCK_L + tl.arange(0, BLOCK_L)
    image = tl.program_id(2).to(tl.int64)
    row, next_row = tl.maximum(i - 1, 0), tl.minimum(i, H - 1)
    above, below = row * stride_h, next_row * stride_h
    logits_ptr += image * stride_b + tl.minimum(c, L - 1).to(tl.int64)[None, :] * stride_l
    start_of_row = (image * height + start) * width
    first_down = distance(start, row, row_times, row_plus, row_per, SUM)
    row_step = row_times.to(SUM) / row_per.to(SUM)
    # Slots of cells side by side, [CELLS * SLOTS].
    slot = tl.arange(0, CELLS * SLOTS)
    j = first_cell + slot // SLOTS
    first = first_pixel(j, W, width, column_times, column_plus, column_per) + slot % SLOTS
    last = first_pixel(j + 1, W, width, column_times, column_plus, column_per)
    left, right = tl.minimum(tl.maximum(j - 1, 0), W - 1), tl.minimum(j, W - 1)
    # Sums of the gradients, and times the weights.
    plain = tl.zeros((CELLS, BLOCK_L), SUM)
    rightward = tl.zeros((CELLS, BLOCK_L), SUM)
    downward = tl.zeros((CELLS, BLOCK_L), SUM)
    both = tl.zeros((CELLS, BLOCK_L), SUM)
    for part in range(PARTS):
        x = first + part * SLOTS
        inside = x < last
        across = distance(x, left, column_times, column_plus, column_per, SUM)
        top, growth = line(
            logits_ptr, above, below, left[:, None], right[:, None], across[:, None], SUM
        )
        sums = tl.zeros((CELLS * SLOTS, BLOCK_L), SUM)
        lower = tl.zeros((CELLS * SLOTS, BLOCK_L), SUM)
        at = start_of_row + x
        down = first_down
        for _ in range(stop - start):
            # Where no pixel is, exponentials are 0.
            log_sum = tl.load(log_sum_ptr + at, mask=inside, other=float("inf"))
            slope = tl.load(slope_log_sum_ptr + at, mask=inside, other=0.0)
            pull = tl.load(slope_true_ptr + at, mask=inside, other=0.0)
            target = tl.load(target_ptr + at, mask=inside, other=-1).to(tl.int32)
            grad = slope[:, None] * tl.exp(top + growth * down - log_sum[:, None])
            grad += tl.where(target[:, None] == c[None, :], pull[:, None], 0.0)
            sums += grad
            lower += grad * down
            at += width
            down += row_step
        plain += over_slots(sums, BLOCK_L, CELLS, SLOTS)
        rightward += over_slots(sums * across[:, None], BLOCK_L, CELLS, SLOTS)
        downward += over_slots(lower, BLOCK_L, CELLS, SLOTS)
        both += over_slots(lower * across[:, None], BLOCK_L, CELLS, SLOTS)
    j = first_cell + tl.arange(0, CELLS)
    left, right = tl.maximum(j - 1, 0)[:, None], tl.minimum(j, W - 1)[:, None]
    own = (c[None, :] < L) & (j[:, None] <= W)
    plane = (image * L + c[None, :]) * H
    # Cells at the border have one feature row, or column, instead of two, which gets all. Each
    # feature row has one row of cells that adds to `above` and one that adds to `below`.
    if i < H:
        pulls = tl.where(i == 0, plain, downward)
        to_right = tl.where(i == 0, rightward, both)
        add_up(below_ptr + (plane + next_row) * W, left, right, own, pulls, to_right)
    if i > 0:
        pulls = tl.where(i == H, plain, plain - downward)
        to_right = tl.where(i == H, rightward, rightward - both)
        add_up(above_ptr + (plane + row) * W, left, right, own, pulls, to_right)


@triton.jit
def over_slots(sums, BLOCK_L: tl.constexpr, CELLS: tl.constexpr, SLOTS: tl.constexpr):
    """Sums over the slots of each cell, [CELLS * SLOTS, BLOCK_L] to [CELLS, BLOCK_L]."""
    return tl.sum(tl.reshape(sums, (CELLS, SLOTS, BLOCK_L)), 1)


@triton.jit
def add_up(row_ptr, left, right, own, pulls, to_right):
    """Add `to_right` of `pulls` to the feature pixels to the right of cells, the rest to the left.

    Args:
        row_ptr: of the feature row of each class, [1, BLOCK_L].
        left: feature column to the left of each cell, [CELLS, 1].
        right: and to the right.
        own: which of them to add, [CELLS, BLOCK_L].
        pulls: sums of gradients, [CELLS, BLOCK_L].
        to_right: part of them.
    """
    single = left == right
    to_left = tl.where(single, pulls, pulls - to_right)
    tl.atomic_add(row_ptr + left, to_left, mask=own, sem="relaxed")
    tl.atomic_add(row_ptr + right, to_right, mask=own & ~single, sem="relaxed")
