"""Gradients of an encoding in a Triton kernel: features are read once, their gradient written once.

A program goes through tiles of pixels of one image, each in blocks of channels, twice: for the
scores and how the loss depends on them, and for the gradients. What it moves, with F bytes of all
features, P programs and 4 bytes a sum:

- features: F from memory, and F again from the cache, where a tile is since a moment ago;
- their gradient: F to memory;
- sums over pixels, as the gradient of the codewords needs: P × K × C × 4 to memory, and read once
  to add them up. Between tiles they wait in the cache: as much read and written there for a tile.

Matrix products instead read and write [B, N, C] in float32 about ten times.
"""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

import triton
import triton.language as tl

from contextseg.ops.encode.fused_kernels import assign, distances_of, load, scores_of


@triton.jit
def backward_kernel(
    features_ptr,  # [B, N, C], any strides
    book_ptr,  # [2, K, C] or [K, C], as in the forward
    centre_ptr,  # [C]
    terms_ptr,  # [4, K], see distances_of()
    codewords_ptr,  # [K, C], about their centre
    slope_ptr,  # [B, K, C], gradient of the encoders
    turns_ptr,  # [B, K], its product with the codewords
    grad_ptr,  # [B, N, C], any strides
    sums_ptr,  # [B, programs, K, C], pixels about the centre, by pull
    counts_ptr,  # [B, programs, 3, K]: assignment, pull, and slope of the smoothing
    N,
    K,
    C,
    tiles,  # tiles of BLOCK_N pixels that a program goes through
    stride_b, stride_n, stride_c,
    grad_b, grad_n, grad_c,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_C: tl.constexpr,
    SPLIT: tl.constexpr,
    SUM: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Gradient of some pixels of one image, and their part in the others."""
    program = tl.program_id(0).to(tl.int64)
    image = tl.program_id(1).to(tl.int64)
    features_ptr += image * stride_b
    grad_ptr += image * grad_b
    slope_ptr += image * K * C
    slot = image * tl.num_programs(0) + program
    sums_ptr += slot * K * C
    counts_ptr += slot * 3 * K
    k = tl.arange(0, BLOCK_K)
    c = tl.arange(0, BLOCK_C)
    smoothing = tl.load(terms_ptr + k, mask=k < K, other=0.0)
    turns = tl.load(turns_ptr + image * K + k, mask=k < K, other=0.0)
    mass = tl.zeros((BLOCK_K,), SUM)
    force = tl.zeros((BLOCK_K,), SUM)
    heat = tl.zeros((BLOCK_K,), SUM)
    for i in range(tiles):
        n = (program * tiles + i) * BLOCK_N + tl.arange(0, BLOCK_N)
        squares = tl.zeros((BLOCK_N,), SUM)
        dots = tl.zeros((BLOCK_N, BLOCK_K), SUM)
        turned = tl.zeros((BLOCK_N, BLOCK_K), SUM)
        for start in range(0, C, BLOCK_C):
            at = start + c
            x = load(features_ptr, n, at, N, C, stride_n, stride_c)
            more_squares, more_dots = scores_of(x, k, at, book_ptr, centre_ptr, K, C, SPLIT, SUM)
            squares += more_squares
            dots += more_dots
            about = x.to(SUM) - tl.load(centre_ptr + at, mask=at < C, other=0.0)[None, :]
            g = load(slope_ptr, k, at, K, C, C, 1)
            turned = tl.dot(about, tl.trans(g), turned, input_precision=PRECISION, out_dtype=SUM)
        distances = distances_of(squares, dots, k, terms_ptr, K)
        assignment = assign(distances, n, k, terms_ptr, N, K)
        by_assignment = turned - turns[None, :]
        mean = tl.sum(assignment * by_assignment, 1)
        by_scores = assignment * (by_assignment - mean[:, None])
        pull = 2 * smoothing[None, :] * by_scores  # how hard x is pulled towards d
        back = tl.sum(pull, 1)
        mass += tl.sum(assignment, 0)
        force += tl.sum(pull, 0)
        heat -= tl.sum(by_scores * distances, 0)
        for start in range(0, C, BLOCK_C):
            at = start + c
            x = load(features_ptr, n, at, N, C, stride_n, stride_c)
            about = x.to(SUM) - tl.load(centre_ptr + at, mask=at < C, other=0.0)[None, :]
            g = load(slope_ptr, k, at, K, C, C, 1)
            d = load(codewords_ptr, k, at, K, C, C, 1)
            grad = tl.dot(assignment, g, input_precision=PRECISION, out_dtype=SUM)
            grad = tl.dot(pull, d, grad, input_precision=PRECISION, out_dtype=SUM)
            grad -= back[:, None] * about
            inside = (n[:, None] < N) & (at[None, :] < C)
            tl.store(grad_ptr + n[:, None] * grad_n + at[None, :] * grad_c, grad, mask=inside)
            part = tl.dot(tl.trans(about), pull, input_precision=PRECISION, out_dtype=SUM)
            inside = (at[:, None] < C) & (k[None, :] < K)
            places = sums_ptr + k[None, :] * C + at[:, None]
            earlier = tl.load(places, mask=inside & (i > 0), other=0.0)
            tl.store(places, earlier + part, mask=inside)
        tl.debug_barrier()  # the next tile adds to what other threads have written
    tl.store(counts_ptr + k, mass, mask=k < K)
    tl.store(counts_ptr + K + k, force, mask=k < K)
    tl.store(counts_ptr + 2 * K + k, heat, mask=k < K)
