"""The Triton kernels between the matrix products of a chunk of the prior.

A chunk is some queries of some images times all keys, in memory that the cache of a GPU holds.
`prior_kernel` makes its logits the prior and sums over its rows; `slopes_kernel` makes logits and
gradient of the prior once more the prior and the gradient of the logits, and sums over its columns.
"""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

import triton
import triton.language as tl

from contextseg.ops.context_prior.fused_kernels import as_multiplied, sigmoid

VARYING = ["image", "row", "count", "B", "groups"]
"""Where a chunk begins and how much there is: no kernel is made for each of them."""


@triton.jit(do_not_specialize=VARYING[:4])
def prior_kernel(
    logits_ptr,  # [images, count, stride], without the bias
    prior_ptr,  # the same; may be the same memory
    bias_ptr,  # [M], of the dtype of the sums, as all that follow
    labels_ptr,  # [B, N]
    key_labels_ptr,  # [B, M], NaN for void
    key_valid_ptr,  # [B, M]
    sums_ptr,  # [4, B, N]
    image, row, count, B, N, M, stride,
    LABELS: tl.constexpr,
    OWN_PAIR: tl.constexpr,  # a query is also the key of its number, and this pair is a sum
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    FACTORS: tl.constexpr,  # numbers from 1 to 2 that have one logarithm
    SUM: tl.constexpr,
):  # fmt: skip
    """The prior of ROWS queries, and the sums over each of its rows."""
    local = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = local < count
    offsets = (tl.program_id(1) * count + local).to(tl.int64) * stride
    image = (image + tl.program_id(1)).to(tl.int64)
    query = row + local
    sums_ptr += image * N
    label = tl.zeros((ROWS,), SUM)
    fourth = tl.zeros((ROWS,), SUM)
    if LABELS:
        label = tl.load(labels_ptr + image * N + query, mask=inside, other=0.0)
        if OWN_PAIR:
            single = tl.load(logits_ptr + offsets + query, mask=inside, other=0.0).to(SUM)
            fourth = sigmoid(single + tl.load(bias_ptr + query, mask=inside, other=0.0))
            tl.debug_barrier()  # a thread may write its prior where another reads this logit
    first = tl.zeros((ROWS, COLUMNS), SUM)
    second = tl.zeros((ROWS, COLUMNS), SUM)
    third = tl.zeros((ROWS, COLUMNS), SUM)
    factors = tl.full((ROWS, COLUMNS), 1.0, SUM)
    for start in range(0, M, COLUMNS):
        key = start + tl.arange(0, COLUMNS)
        exists = key < M
        both = inside[:, None] & exists[None, :]
        places = offsets[:, None] + key[None, :]
        bias = tl.load(bias_ptr + key, mask=exists, other=0.0)
        logits = tl.load(logits_ptr + places, mask=both, other=0.0).to(SUM) + bias[None, :]
        prior = sigmoid(logits)
        tl.store(prior_ptr + places, prior, mask=both)
        if LABELS:
            held = tl.load(key_labels_ptr + image * M + key, mask=exists, other=float("nan"))
            valid = tl.load(key_valid_ptr + image * M + key, mask=exists, other=0.0)
            same = label[:, None] == held[None, :]
            counts = (valid > 0)[None, :]
            # softplus(l) = max(l, 0) + log(1 + exp(-|l|)), NaN where l is; one logarithm of the
            # product of several is as exact as theirs.
            soft = tl.where(logits < 0, 0.0, logits)
            factors *= tl.where(counts, 1 + tl.exp(-tl.abs(logits)), 1.0)
            if start // COLUMNS % FACTORS == FACTORS - 1:
                third += tl.log(factors)
                factors = tl.full((ROWS, COLUMNS), 1.0, SUM)
            first += tl.where(same, prior, 0.0)
            second += tl.where(counts, prior, 0.0)
            third += tl.where(counts, soft, 0.0) - tl.where(same, logits, 0.0)
    if LABELS:
        third += tl.log(factors)
        tl.store(sums_ptr + query, tl.sum(first, 1), mask=inside)
        tl.store(sums_ptr + B * N + query, tl.sum(second, 1), mask=inside)
        tl.store(sums_ptr + 2 * B * N + query, tl.sum(third, 1), mask=inside)
        tl.store(sums_ptr + 3 * B * N + query, fourth, mask=inside)


@triton.jit(do_not_specialize=VARYING)
def slopes_kernel(
    logits_ptr,  # [images, count, stride], without the bias
    slopes_ptr,  # the same: products of slopes of the context and values
    prior_ptr,  # the same; may be the memory of the logits
    result_ptr,  # the same: gradient of the logits; may be the memory of the slopes
    bias_ptr,  # [M], of the dtype of the sums, as all that follow
    labels_ptr,  # [B, N]
    key_labels_ptr,  # [B, M], NaN for void
    key_valid_ptr,  # [B, M]
    sums_ptr,  # [4, B, N]: gradients of the sums over rows
    columns_ptr,  # [images, groups, M]: sums over columns so far
    image, row, count, groups, B, N, M, stride,
    LABELS: tl.constexpr,
    OWN_PAIR: tl.constexpr,
    GROUP: tl.constexpr,  # rows of a program
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    PRECISION: tl.constexpr,
    SUM: tl.constexpr,
):  # fmt: skip
    """Prior and gradient of the logits of GROUP queries and COLUMNS keys, summed over queries."""
    key = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    exists = key < M
    place = tl.program_id(2)
    image = (image + place).to(tl.int64)
    sums_ptr += image * N
    bias = tl.load(bias_ptr + key, mask=exists, other=0.0)
    held = tl.zeros((COLUMNS,), SUM)
    valid = tl.zeros((COLUMNS,), SUM)
    if LABELS:
        held = tl.load(key_labels_ptr + image * M + key, mask=exists, other=float("nan"))
        valid = tl.load(key_valid_ptr + image * M + key, mask=exists, other=0.0)
    counts = (valid > 0)[None, :]
    columns = tl.zeros((ROWS, COLUMNS), SUM)
    share = tl.full((1, 1), 1.0, SUM) / M
    for start in range(0, GROUP, ROWS):
        local = tl.program_id(1) * GROUP + start + tl.arange(0, ROWS)
        inside = local < count
        both = inside[:, None] & exists[None, :]
        places = (place * count + local).to(tl.int64)[:, None] * stride + key[None, :]
        logits = tl.load(logits_ptr + places, mask=both, other=0.0).to(SUM) + bias[None, :]
        slope = tl.load(slopes_ptr + places, mask=both, other=0.0).to(SUM) * share
        prior = sigmoid(logits)
        query = row + local
        if LABELS:
            label = tl.load(labels_ptr + image * N + query, mask=inside, other=0.0)
            same = label[:, None] == held[None, :]
            positive = tl.load(sums_ptr + query, mask=inside, other=0.0)
            total = tl.load(sums_ptr + B * N + query, mask=inside, other=0.0)
            unary = tl.load(sums_ptr + 2 * B * N + query, mask=inside, other=0.0)
            slope += tl.where(same, positive[:, None], 0.0) + tl.where(counts, total[:, None], 0.0)
            if OWN_PAIR:
                single = tl.load(sums_ptr + 3 * B * N + query, mask=inside, other=0.0)
                slope += tl.where(query[:, None] == key[None, :], single[:, None], 0.0)
            result = slope * prior * (1 - prior)
            ideal = tl.where(same, 1.0, 0.0)
            result += unary[:, None] * (tl.where(counts, prior, 0.0) - ideal)
        else:
            result = slope * prior * (1 - prior)
        # The sum of what is multiplied, roundings and all: in the gradient of a weight whose
        # logits are normalised, most of this product and of this sum cancel.
        result = as_multiplied(result, result_ptr.dtype.element_ty, PRECISION)
        columns += result.to(SUM)
        tl.store(prior_ptr + places, prior, mask=both)
        tl.store(result_ptr + places, result, mask=both)
    own = columns_ptr + (place * groups + tl.program_id(1)) * M + key
    tl.store(own, tl.load(own, mask=exists) + tl.sum(columns, 0), mask=exists)


@triton.jit(do_not_specialize=VARYING[:3])
def contexts_kernel(
    found_ptr,  # [images, count, D]: prior times values
    mean_ptr,  # [B, D], mean value
    intra_ptr,  # [B, N, D]
    inter_ptr,  # the same, of the same strides
    image, row, count, M, D,
    found_b, found_n, found_d,
    out_b, out_n, out_d,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):  # fmt: skip
    """Both contexts of ROWS queries, COLUMNS of their columns."""
    local = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inside = (local < count)[:, None] & (column < D)[None, :]
    place = tl.program_id(2).to(tl.int64)
    image = image + place
    rows, columns = local.to(tl.int64)[:, None], column.to(tl.int64)[None, :]
    found_ptr += place * found_b
    found = tl.load(found_ptr + rows * found_n + columns * found_d, mask=inside, other=0.0) / M
    mean = tl.load(mean_ptr + image * D + column, mask=column < D, other=0.0)
    offsets = image * out_b + (row + rows) * out_n + columns * out_d
    tl.store(intra_ptr + offsets, found, mask=inside)
    tl.store(inter_ptr + offsets, mean[None, :] - found, mask=inside)
