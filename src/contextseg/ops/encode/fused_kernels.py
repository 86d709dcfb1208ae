"""The Triton kernel that encodes tiles of pixels, and the parts of it that its backward shares."""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def load(ptr, rows, columns, num_rows, num_columns, row_stride, column_stride):
    """Rows and columns of a matrix of any strides, zero outside it."""
    inside = (rows[:, None] < num_rows) & (columns[None, :] < num_columns)
    offsets = rows[:, None] * row_stride + columns[None, :] * column_stride
    return tl.load(ptr + offsets, mask=inside, other=0.0)


@triton.jit
def scores_of(x, k, c, book_ptr, centre_ptr, K, C, SPLIT: tl.constexpr, SUM: tl.constexpr):
    """What channels c of pixels x add to |x - centre|² [n] and to their products with codewords."""
    centre = tl.load(centre_ptr + c, mask=c < C, other=0.0)
    about = x.to(SUM) - centre[None, :]  # [n, c]
    d = load(book_ptr, k, c, K, C, C, 1)
    if SPLIT:  # x is exact in half precision, x - centre is not: the caller takes off centre · d
        rest = load(book_ptr + K * C, k, c, K, C, C, 1)
        dots = tl.dot(x, tl.trans(rest), out_dtype=SUM)
        dots = tl.dot(x, tl.trans(d), acc=dots, out_dtype=SUM)
    else:
        dots = tl.dot(about, tl.trans(d), input_precision="ieee", out_dtype=SUM)
    return tl.sum(about * about, 1), dots


@triton.jit
def distances_of(squares, dots, k, terms_ptr, K):
    """Squared distances [n, k] of a tile. Terms: smoothing, |d|², centre · d, scale of `dots`."""
    norms = tl.load(terms_ptr + K + k, mask=k < K, other=0.0)  # |d|²
    offsets = tl.load(terms_ptr + 2 * K + k, mask=k < K, other=0.0)  # centre · d
    scale = tl.load(terms_ptr + 3 * K + k, mask=k < K, other=0.0)  # of the codewords in `dots`
    return squares[:, None] - 2 * (dots * scale[None, :] - offsets[None, :]) + norms[None, :]


@triton.jit
def assign(distances, n, k, terms_ptr, N, K):
    """Soft assignment [n, k] of a tile; zero where there is no pixel."""
    smoothing = tl.load(terms_ptr + k, mask=k < K, other=0.0)
    scores = tl.where(k[None, :] < K, -smoothing[None, :] * distances, -float("inf"))
    weights = tl.exp(scores - tl.max(scores, 1)[:, None])
    return tl.where(n[:, None] < N, weights / tl.sum(weights, 1)[:, None], 0.0)


@triton.jit
def aggregate(
    x, assignment, c, centre_ptr, C, sums, SPLIT: tl.constexpr, SUM: tl.constexpr,
    GAIN: tl.constexpr,
):  # fmt: skip
    """`sums` and features summed by assignment, [c, k]; GAIN times these if SPLIT."""
    if SPLIT:
        amplified = assignment * GAIN
        high = amplified.to(x.dtype)
        low = (amplified - high.to(SUM)).to(x.dtype)
        sums = tl.dot(tl.trans(x), low, acc=sums, out_dtype=SUM)
        return tl.dot(tl.trans(x), high, acc=sums, out_dtype=SUM)
    centre = tl.load(centre_ptr + c, mask=c < C, other=0.0)
    about = x.to(SUM) - centre[None, :]
    return tl.dot(tl.trans(about), assignment, acc=sums, input_precision="ieee", out_dtype=SUM)


@triton.jit
def encode_kernel(
    features_ptr,  # [B, N, C], any strides
    book_ptr,  # [2, K, C] codewords about their centre and what rounding left, or [K, C]
    centre_ptr,  # [C]
    terms_ptr,  # [4, K], see distances_of()
    sums_ptr,  # [B, programs, K, C]
    mass_ptr,  # [B, programs, K]
    N,
    K,
    C,
    tiles,  # tiles of BLOCK_N pixels that a program encodes
    stride_b,
    stride_n,
    stride_c,
    GAIN: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_C: tl.constexpr,
    WHOLE: tl.constexpr,
    SPLIT: tl.constexpr,
    SUM: tl.constexpr,
):
    """Encode some tiles of pixels of one image, each whole or in blocks of C."""
    program = tl.program_id(0).to(tl.int64)
    image = tl.program_id(1).to(tl.int64)
    features_ptr += image * stride_b
    slot = image * tl.num_programs(0) + program
    sums_ptr += slot * K * C
    k = tl.arange(0, BLOCK_K)
    c = tl.arange(0, BLOCK_C)
    mass = tl.zeros((BLOCK_K,), SUM)
    if WHOLE:
        sums = tl.zeros((BLOCK_C, BLOCK_K), SUM)
        for i in range(tiles):
            n = (program * tiles + i) * BLOCK_N + tl.arange(0, BLOCK_N)
            x = load(features_ptr, n, c, N, C, stride_n, stride_c)
            squares, dots = scores_of(x, k, c, book_ptr, centre_ptr, K, C, SPLIT, SUM)
            distances = distances_of(squares, dots, k, terms_ptr, K)
            assignment = assign(distances, n, k, terms_ptr, N, K)
            sums = aggregate(x, assignment, c, centre_ptr, C, sums, SPLIT, SUM, GAIN)
            mass += tl.sum(assignment, 0)
        if SPLIT:
            sums *= 1 / GAIN
        inside = (c[:, None] < C) & (k[None, :] < K)
        tl.store(sums_ptr + k[None, :] * C + c[:, None], sums, mask=inside)
    else:
        for i in range(tiles):
            n = (program * tiles + i) * BLOCK_N + tl.arange(0, BLOCK_N)
            squares = tl.zeros((BLOCK_N,), SUM)
            dots = tl.zeros((BLOCK_N, BLOCK_K), SUM)
            for start in range(0, C, BLOCK_C):
                x = load(features_ptr, n, start + c, N, C, stride_n, stride_c)
                more_squares, more_dots = scores_of(
                    x, k, start + c, book_ptr, centre_ptr, K, C, SPLIT, SUM
                )
                squares += more_squares
                dots += more_dots
            distances = distances_of(squares, dots, k, terms_ptr, K)
            assignment = assign(distances, n, k, terms_ptr, N, K)
            mass += tl.sum(assignment, 0)
            for start in range(0, C, BLOCK_C):
                at = start + c
                x = load(features_ptr, n, at, N, C, stride_n, stride_c)
                part = tl.zeros((BLOCK_C, BLOCK_K), SUM)
                part = aggregate(x, assignment, at, centre_ptr, C, part, SPLIT, SUM, GAIN)
                if SPLIT:
                    part *= 1 / GAIN
                inside = (at[:, None] < C) & (k[None, :] < K)
                places = sums_ptr + k[None, :] * C + at[:, None]
                earlier = tl.load(places, mask=inside & (i > 0), other=0.0)
                tl.store(places, earlier + part, mask=inside)
            tl.debug_barrier()  # the next tile adds to what other threads have written
    tl.store(mass_ptr + slot * K + k, mass, mask=k < K)
