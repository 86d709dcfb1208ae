"""The Triton kernel that makes a tile of the prior, or of its gradient, and gathers by it.

All four passes of the context prior are one loop: a program owns some rows of the prior, or some of
its columns, goes through the other side tile by tile, and sums what the tiles select there.

| pass | a program owns | tile | gathers |
|---|---|---|---|
| context | queries | prior | values |
| gradient of values | keys | prior | slopes of the context |
| gradient of features | queries | gradient of the logits | weights |
| gradient of weights | keys | gradient of the logits | features |
"""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def matrix(ptr, rows, end, row_stride, columns, width, column_stride):
    """Rows before `end` and columns before `width` of a matrix of any strides, zero outside."""
    inside = (rows[:, None] < end) & (columns[None, :] < width)
    offsets = (
        rows[:, None].to(tl.int64) * row_stride + columns[None, :].to(tl.int64) * column_stride
    )
    return tl.load(ptr + offsets, mask=inside, other=0.0)


@triton.jit
def product(
    a_ptr, a_rows, a_end, a_row, a_column, b_ptr, b_rows, b_end, b_row, b_column, width,
    BLOCK: tl.constexpr, PRECISION: tl.constexpr, SUM: tl.constexpr,
):  # fmt: skip
    """Rows of one matrix times rows of another, BLOCK columns at a time, [a_rows, b_rows]."""
    total = tl.zeros((a_rows.shape[0], b_rows.shape[0]), SUM)
    for start in range(0, width, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        left = matrix(a_ptr, a_rows, a_end, a_row, columns, width, a_column)
        right = matrix(b_ptr, b_rows, b_end, b_row, columns, width, b_column)
        total = tl.dot(left, tl.trans(right), total, input_precision=PRECISION, out_dtype=SUM)
    return total


@triton.jit
def along(ptr, rows, end, OWN: tl.constexpr):
    """A number for each row, zero outside: a column if the program owns the rows, else a row."""
    numbers = tl.load(ptr + rows, mask=rows < end, other=0.0)
    return numbers[:, None] if OWN else numbers[None, :]


@triton.jit
def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow; NaN stays NaN."""
    small = tl.exp(-tl.abs(x))
    return tl.where(x < 0, small, 1.0) / (1 + small)


@triton.jit
def as_multiplied(x, dtype: tl.constexpr, PRECISION: tl.constexpr):
    """Numbers rounded as a product takes them: to its dtype, or to the digits of TF32."""
    if PRECISION == "tf32" and dtype == tl.float32:
        bits = (x.to(tl.int32, bitcast=True) + 0x1000) & -0x2000
        return tl.where(x == x, bits.to(tl.float32, bitcast=True), x)  # NaN would carry over
    return x.to(dtype)


@triton.jit
def gather_kernel(
    features_ptr,  # [B, N, C]
    weight_ptr,  # [M, C // groups]
    bias_ptr,  # [M], of the dtype of the sums, as all that follow but values and slopes
    values_ptr,  # [B, M, D]
    slopes_ptr,  # [B, N, D], gradient of the prior per value
    labels_ptr,  # [B, N]
    key_labels_ptr,  # [B, M], NaN for void
    key_valid_ptr,  # [B, M]
    sums_ptr,  # [4, B, N]: the sums over rows, or in a backward their gradients
    mean_ptr,  # [B, D], mean value; or what every value's gradient has besides
    out_ptr,  # what is gathered, [B, own rows, its width]
    rest_ptr,  # [B, N, D]: mean value less context; or the sums of the tiles' rows, [B, M]
    B,
    N,
    M,
    D,
    width,  # channels of a group
    features_b, features_n, features_c,
    weight_m, weight_c,
    values_b, values_m, values_d,
    slopes_b, slopes_n, slopes_d,
    out_b, out_n, out_c,
    GROUPS: tl.constexpr,
    OF_QUERIES: tl.constexpr,  # a program owns queries, not keys
    GRADIENT: tl.constexpr,  # tiles are of the gradient of the logits, not of the prior
    LABELS: tl.constexpr,
    OWN_PAIR: tl.constexpr,  # a query is also the key of its number, and this pair is a sum
    OWN: tl.constexpr,  # rows that a program owns
    OTHER: tl.constexpr,  # rows of the other side at a time
    BLOCK: tl.constexpr,  # channels at a time
    OUT: tl.constexpr,  # columns that a program gathers
    PRECISION: tl.constexpr,
    SUM: tl.constexpr,
):  # fmt: skip
    """Sum over the other side of tile times matrix, for OWN rows and OUT columns; see the table."""
    image = tl.program_id(2).to(tl.int64)
    features_ptr += image * features_b
    values_ptr += image * values_b
    slopes_ptr += image * slopes_b
    labels_ptr += image * N
    key_labels_ptr += image * M
    key_valid_ptr += image * M
    sums_ptr += image * N
    keys_of_group = M // GROUPS

    # Which rows of its own, which columns of the result, and in which group of keys.
    gathered = width if GRADIENT else D
    blocks = tl.cdiv(gathered, OUT)
    block = tl.program_id(1) % blocks
    group = 0
    if OF_QUERIES:
        if GRADIENT:
            group = tl.program_id(1) // blocks
        start, own_end = tl.program_id(0) * OWN, N
        tiles_of_group = tl.cdiv(keys_of_group, OTHER)
        tiles = tiles_of_group if GRADIENT else tiles_of_group * GROUPS
    else:
        tiles_of_group = tl.cdiv(keys_of_group, OWN)
        group = tl.program_id(0) // tiles_of_group
        start = group * keys_of_group + tl.program_id(0) % tiles_of_group * OWN
        own_end = (group + 1) * keys_of_group
        tiles = tl.cdiv(N, OTHER)
    own = start + tl.arange(0, OWN)
    out = block * OUT + tl.arange(0, OUT)

    found = tl.zeros((OWN, OUT), SUM)
    first = tl.zeros((OWN,), SUM)
    second = tl.zeros((OWN,), SUM)
    third = tl.zeros((OWN,), SUM)
    fourth = tl.zeros((OWN,), SUM)
    for tile in range(tiles):
        read = group  # the group whose channels are read
        if OF_QUERIES:
            if not GRADIENT:
                read = tile // tiles_of_group
            position = tile % tiles_of_group * OTHER
            other = read * keys_of_group + position + tl.arange(0, OTHER)
            other_end = (read + 1) * keys_of_group
        else:
            other = tile * OTHER + tl.arange(0, OTHER)
            other_end = N
        x_ptr = features_ptr + read * width * features_c
        # The matrix that is gathered first: while it is on its way, the tile is computed.
        if OF_QUERIES:
            if GRADIENT:
                chosen = matrix(weight_ptr, other, other_end, weight_m, out, width, weight_c)
            else:
                chosen = matrix(values_ptr, other, other_end, values_m, out, D, values_d)
            logits = product(
                x_ptr, own, own_end, features_n, features_c,
                weight_ptr, other, other_end, weight_m, weight_c, width,
                BLOCK, PRECISION, SUM,
            )  # fmt: skip
            queries, queries_end, keys, keys_end = own, own_end, other, other_end
        else:
            if GRADIENT:
                chosen = matrix(x_ptr, other, other_end, features_n, out, width, features_c)
            else:
                chosen = matrix(slopes_ptr, other, other_end, slopes_n, out, D, slopes_d)
            logits = product(
                weight_ptr, own, own_end, weight_m, weight_c,
                x_ptr, other, other_end, features_n, features_c, width,
                BLOCK, PRECISION, SUM,
            )  # fmt: skip
            queries, queries_end, keys, keys_end = other, other_end, own, own_end
        logits += along(bias_ptr, keys, keys_end, not OF_QUERIES)
        prior = sigmoid(logits)
        within = (other < other_end)[None, :] & (own < own_end)[:, None]
        same = within
        counts = within
        alone = within & (own[:, None] == other[None, :])
        if LABELS:
            label = along(labels_ptr, queries, queries_end, OF_QUERIES)
            same = within & (label == along(key_labels_ptr, keys, keys_end, not OF_QUERIES))
            counts = along(key_valid_ptr, keys, keys_end, not OF_QUERIES) > 0
        if GRADIENT:
            if OF_QUERIES:
                slope = product(
                    slopes_ptr, own, own_end, slopes_n, slopes_d,
                    values_ptr, other, other_end, values_m, values_d, D,
                    BLOCK, PRECISION, SUM,
                )  # fmt: skip
            else:
                slope = product(
                    values_ptr, own, own_end, values_m, values_d,
                    slopes_ptr, other, other_end, slopes_n, slopes_d, D,
                    BLOCK, PRECISION, SUM,
                )  # fmt: skip
            if LABELS:
                positive = along(sums_ptr, queries, queries_end, OF_QUERIES)
                total = along(sums_ptr + B * N, queries, queries_end, OF_QUERIES)
                slope += tl.where(same, positive, 0.0) + tl.where(counts, total, 0.0)
                if OWN_PAIR:
                    single = along(sums_ptr + 3 * B * N, queries, queries_end, OF_QUERIES)
                    slope += tl.where(alone, single, 0.0)
            result = slope * prior * (1 - prior)
            if LABELS:
                unary = along(sums_ptr + 2 * B * N, queries, queries_end, OF_QUERIES)
                ideal = tl.where(same, 1.0, 0.0)
                result += unary * (tl.where(counts, prior, 0.0) - ideal)
            # The sum of what is multiplied, roundings and all: in the gradient of a weight whose
            # logits are normalised, most of this product and of this sum cancel.
            result = as_multiplied(result, chosen.dtype, PRECISION)
            first += tl.sum(result.to(SUM), 1)
        else:
            result = prior
            if LABELS and OF_QUERIES:
                # softplus(l) = max(l, 0) + log(1 + exp(-|l|)), NaN where l is
                soft = tl.where(logits < 0, 0.0, logits) + tl.log(1 + tl.exp(-tl.abs(logits)))
                first += tl.sum(tl.where(same, prior, 0.0), 1)
                second += tl.sum(tl.where(counts, prior, 0.0), 1)
                third += tl.sum(tl.where(counts, soft, 0.0) - tl.where(same, logits, 0.0), 1)
                if OWN_PAIR:
                    fourth += tl.sum(tl.where(alone, prior, 0.0), 1)
        found = tl.dot(
            result.to(chosen.dtype), chosen, found, input_precision=PRECISION, out_dtype=SUM
        )

    if OF_QUERIES and not GRADIENT:
        found /= M  # here, in the dtype of the sums: a float argument would come as float32
    mean = tl.zeros((OUT,), SUM)
    if not GRADIENT:
        mean = tl.load(mean_ptr + image * D + out, mask=out < D, other=0.0)
        if not OF_QUERIES:
            found += mean[None, :]
    inside = (own[:, None] < own_end) & (out[None, :] < gathered)
    column = out
    if GRADIENT and OF_QUERIES:
        column = group * width + out
    offsets = own[:, None].to(tl.int64) * out_n + column[None, :] * out_c
    tl.store(out_ptr + image * out_b + offsets, found, mask=inside)
    if GRADIENT:
        if not OF_QUERIES and block == 0:
            tl.store(rest_ptr + image * M + own, first, mask=own < own_end)
    elif OF_QUERIES:
        tl.store(rest_ptr + image * out_b + offsets, mean[None, :] - found, mask=inside)
        if LABELS and block == 0:
            tl.store(sums_ptr + own, first, mask=own < own_end)
            tl.store(sums_ptr + B * N + own, second, mask=own < own_end)
            tl.store(sums_ptr + 2 * B * N + own, third, mask=own < own_end)
            tl.store(sums_ptr + 3 * B * N + own, fourth, mask=own < own_end)
