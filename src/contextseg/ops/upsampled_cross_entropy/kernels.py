"""The Triton kernels of the upsampled cross-entropy.

Both go through the cells between feature pixels, so that a logit's neighbours are loaded once for
all image rows of a cell, in which upsampled logits grow evenly.
"""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
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


@triton.jit
def cell_sums(
    logits_ptr,  # of each class, [BLOCK_L, 1, 1]
    target_ptr,  # of the image
    log_sum_ptr,
    slope_log_sum_ptr,
    slope_true_ptr,
    c,
    first,
    last,
    column,
    next_column,
    above,
    below,
    start,
    stop,
    down,
    row_step,
    width,
    column_times,
    column_plus,
    column_per,
    SUM: tl.constexpr,
    BLOCK_L: tl.constexpr,
    CELLS: tl.constexpr,
    SLOTS: tl.constexpr,
):
    """Sums over the pixels of cells, [BLOCK_L, CELLS] each.

    Args:
        c: classes, [BLOCK_L].
        first: image column at which each cell starts, [CELLS].
        last: and ends.
        column: feature column to its left, [CELLS].
        next_column: and to its right.
        above: offset of the feature row above.
        below: and of the one below.
        start: image row at which the cells start.
        stop: and end.
        down: weight of the feature row below, at `start`.
        row_step: its growth from row to row.
        SLOTS: most columns of a cell.

    Returns:
        Sums of the gradients, and of these times the weight of the column to the right, of the
        row below, and of both.
    """
    x = first[:, None] + tl.arange(0, SLOTS)[None, :]  # [cells, slots]
    inside = x < last[:, None]
    across = distance(x, column[:, None], column_times, column_plus, column_per, SUM)
    left, right = column[None, :, None], next_column[None, :, None]
    top, growth = line(logits_ptr, above, below, left, right, across[None, :, :], SUM)
    sums = tl.zeros((BLOCK_L, CELLS, SLOTS), SUM)
    lower = tl.zeros((BLOCK_L, CELLS, SLOTS), SUM)
    at = start.to(tl.int64) * width + x
    for _ in range(stop - start):
        # Where no pixel is, exponentials are 0.
        log_sum = tl.load(log_sum_ptr + at, mask=inside, other=float("inf"))
        slope = tl.load(slope_log_sum_ptr + at, mask=inside, other=0.0)
        pull = tl.load(slope_true_ptr + at, mask=inside, other=0.0)
        target = tl.load(target_ptr + at, mask=inside, other=-1).to(tl.int32)
        grad = slope[None, :, :] * tl.exp(top + growth * down - log_sum[None, :, :])
        grad += tl.where(target[None, :, :] == c[:, None, None], pull[None, :, :], 0.0)
        sums += grad
        lower += grad * down
        at += width
        down += row_step
    across = across[None, :, :]
    sums_right, corner = tl.sum(sums * across, 2), tl.sum(lower * across, 2)
    return tl.sum(sums, 2), sums_right, tl.sum(lower, 2), corner


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
    gradients, and of these times the weights of the row below, of the column to the right, and of
    both. A feature pixel is the corner of two cells in a row of cells: it gets a sum of two
    numbers in `above` and in `below` each, whichever comes first.
    """
    row_blocks = tl.cdiv(W + 1, CELLS)
    i = tl.program_id(0) // row_blocks
    start = first_pixel(i, H, height, row_times, row_plus, row_per)
    stop = first_pixel(i + 1, H, height, row_times, row_plus, row_per)
    if start >= stop:
        return
    j = tl.program_id(0) % row_blocks * CELLS + tl.arange(0, CELLS)
    c = tl.program_id(1) * BLOCK_L + tl.arange(0, BLOCK_L)
    image = tl.program_id(2).to(tl.int64)
    first = first_pixel(j, W, width, column_times, column_plus, column_per)
    last = first_pixel(j + 1, W, width, column_times, column_plus, column_per)
    row, next_row = tl.maximum(i - 1, 0), tl.minimum(i, H - 1)
    column = tl.minimum(tl.maximum(j - 1, 0), W - 1)
    next_column = tl.minimum(j, W - 1)
    own = (c[:, None] < L) & (last > first)[None, :]
    logits_ptr += image * stride_b + tl.minimum(c, L - 1).to(tl.int64)[:, None, None] * stride_l
    maps = image * height * width
    target_ptr += maps
    log_sum_ptr += maps
    slope_log_sum_ptr += maps
    slope_true_ptr += maps
    down = distance(start, row, row_times, row_plus, row_per, SUM)
    row_step = row_times.to(SUM) / row_per.to(SUM)
    here = tl.zeros((BLOCK_L, CELLS), SUM)
    right = tl.zeros((BLOCK_L, CELLS), SUM)
    under = tl.zeros((BLOCK_L, CELLS), SUM)
    corner = tl.zeros((BLOCK_L, CELLS), SUM)
    for part in range(PARTS):
        here_, right_, under_, corner_ = cell_sums(
            logits_ptr, target_ptr, log_sum_ptr, slope_log_sum_ptr, slope_true_ptr,
            c, first + part * SLOTS, last, column, next_column,
            row * stride_h, next_row * stride_h, start, stop, down, row_step,
            width, column_times, column_plus, column_per,
            SUM, BLOCK_L, CELLS, SLOTS,
        )  # fmt: skip
        here += here_
        right += right_
        under += under_
        corner += corner_
    here -= right  # what falls to the left
    under -= corner
    # A cell at the border has one neighbour instead of two, which gets all. Each feature row has
    # one row of cells that adds to `above` and one that adds to `below`.
    single = (next_column == column)[None, :]
    plane = (image * L + c[:, None]) * H
    if i < H:
        to = below_ptr + (plane + next_row) * W
        add_up(to, column, next_column, single, own, tl.where(i == 0, here, under), tl.where(i == 0, right, corner))
    if i > 0:
        to = above_ptr + (plane + row) * W
        add_up(to, column, next_column, single, own, tl.where(i == H, here, here - under), tl.where(i == H, right, right - corner))


@triton.jit
def add_up(row_ptr, column, next_column, single, own, to_left, to_right):
    """Add what cells pull to the feature pixels of a row, [BLOCK_L, CELLS]."""
    to_left = tl.where(single, to_left + to_right, to_left)
    tl.atomic_add(row_ptr + column[None, :], to_left, mask=own, sem="relaxed")
    tl.atomic_add(row_ptr + next_column[None, :], to_right, mask=own & ~single, sem="relaxed")
