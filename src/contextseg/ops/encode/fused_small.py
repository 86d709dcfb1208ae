"""The small Triton kernels around those that go through the pixels: the codebook, and sums.

Each does in one launch what would be some ten calls of PyTorch, whose launches take longer than
the work: what comes before, on the codebook alone, and what comes after, on the programs' sums.
"""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

import triton
import triton.language as tl

LEAST, MOST = tl.constexpr(2.0**-60), tl.constexpr(2.0**60)


@triton.jit
def centred(codewords_ptr, row, c, K, C, stride_k, stride_c, BLOCK_K: tl.constexpr, SUM):
    """Channels c of the mean codeword, and of one codeword about it; zero outside."""
    k = tl.arange(0, BLOCK_K)
    inside = (k[:, None] < K) & (c[None, :] < C)
    places = k[:, None].to(tl.int64) * stride_k + c[None, :] * stride_c
    all_rows = tl.load(codewords_ptr + places, mask=inside, other=0.0).to(SUM)
    centre = tl.sum(all_rows, 0) / K
    own = tl.load(codewords_ptr + row * stride_k + c * stride_c, mask=c < C, other=0.0).to(SUM)
    return centre, own - centre


@triton.jit
def codebook_kernel(
    codewords_ptr,  # [K, C], any strides
    smoothing_ptr,  # [K], any stride
    slope_ptr,  # [B, K, C], gradient of the encoders; B is 0 in a forward
    centre_ptr,  # [C], the mean codeword
    about_ptr,  # [K, C], codewords about it
    book_ptr,  # [2, K, C], the same in half precision, scaled, and what rounding left; if SPLIT
    terms_ptr,  # [4, K], see distances_of()
    turns_ptr,  # [B, K], product of slope and codewords about their mean
    B,
    K,
    C,
    stride_k,
    stride_c,
    stride_s,
    BLOCK_B: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_C: tl.constexpr,
    SPLIT: tl.constexpr,
    SUM: tl.constexpr,
):
    """What the kernels need of one codeword, or its products with the slopes of BLOCK_B images."""
    row = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    lanes = tl.arange(0, BLOCK_C)
    if part == 0:
        squares = tl.zeros((BLOCK_C,), SUM)
        offsets = tl.zeros((BLOCK_C,), SUM)
        largest = tl.zeros((BLOCK_C,), SUM)
        for start in range(0, C, BLOCK_C):
            c = start + lanes
            centre, d = centred(codewords_ptr, row, c, K, C, stride_k, stride_c, BLOCK_K, SUM)
            if row == 0:
                tl.store(centre_ptr + c, centre, mask=c < C)
            tl.store(about_ptr + row * C + c, d, mask=c < C)
            squares += d * d
            offsets += d * centre
            largest = tl.maximum(largest, tl.abs(d))
        tl.store(terms_ptr + row, tl.load(smoothing_ptr + row * stride_s).to(SUM))
        tl.store(terms_ptr + K + row, tl.sum(squares, 0))
        if SPLIT:
            # To less than 1 by a power of two, so that half precision does not overflow, and
            # underflows where it does not matter. Of NaN, the maximum is the other number.
            most = tl.minimum(tl.maximum(tl.max(largest, 0), LEAST), MOST)
            power = (most.to(tl.int32, bitcast=True) & 0x7F800000) + 0x00800000
            inverse = (0x7F000000 - power).to(tl.float32, bitcast=True)
            tl.store(terms_ptr + 2 * K + row, tl.sum(offsets, 0))
            tl.store(terms_ptr + 3 * K + row, power.to(tl.float32, bitcast=True))
            for start in range(0, C, BLOCK_C):
                c = start + lanes
                _, d = centred(codewords_ptr, row, c, K, C, stride_k, stride_c, BLOCK_K, SUM)
                scaled = d * inverse
                high = scaled.to(book_ptr.dtype.element_ty)
                low = (scaled - high.to(SUM)).to(book_ptr.dtype.element_ty)
                tl.store(book_ptr + row * C + c, high, mask=c < C)
                tl.store(book_ptr + (K + row) * C + c, low, mask=c < C)
        else:
            tl.store(terms_ptr + 2 * K + row, tl.zeros((), SUM))
            tl.store(terms_ptr + 3 * K + row, tl.zeros((), SUM) + 1)
    else:
        image = (part - 1).to(tl.int64) * BLOCK_B + tl.arange(0, BLOCK_B)
        turns = tl.zeros((BLOCK_B,), SUM)
        for start in range(0, C, BLOCK_C):
            c = start + lanes
            _, d = centred(codewords_ptr, row, c, K, C, stride_k, stride_c, BLOCK_K, SUM)
            inside = (image[:, None] < B) & (c[None, :] < C)
            places = (image[:, None] * K + row) * C + c[None, :]
            slope = tl.load(slope_ptr + places, mask=inside, other=0.0)
            turns += tl.sum(slope * d[None, :], 1)
        tl.store(turns_ptr + image * K + row, turns, mask=image < B)


@triton.jit
def encoders_kernel(
    sums_ptr,  # [B, programs, K, C]
    mass_ptr,  # [B, programs, K]
    residue_ptr,  # [K, C], what the sums are about, any strides
    encoders_ptr,  # [B, K, C]
    programs,
    K,
    C,
    stride_k,
    stride_c,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
    SUM: tl.constexpr,
):
    """Add up what programs found of some channels of one encoder, always in the same order."""
    blocks = tl.cdiv(C, BLOCK_C)
    row = (tl.program_id(0) // blocks).to(tl.int64)
    c = tl.program_id(0) % blocks * BLOCK_C + tl.arange(0, BLOCK_C)
    image = tl.program_id(1).to(tl.int64)
    sums = tl.zeros((BLOCK_C,), SUM)
    mass = tl.zeros((BLOCK_P,), SUM)
    for start in range(0, programs, BLOCK_P):
        p = start + tl.arange(0, BLOCK_P)
        slots = (image * programs + p) * K + row
        inside = (p[:, None] < programs) & (c[None, :] < C)
        part = tl.load(sums_ptr + slots[:, None] * C + c[None, :], mask=inside, other=0.0)
        sums += tl.sum(part, 0)
        mass += tl.load(mass_ptr + slots, mask=p < programs, other=0.0)
    residue = tl.load(residue_ptr + row * stride_k + c * stride_c, mask=c < C, other=0.0).to(SUM)
    tl.store(encoders_ptr + (image * K + row) * C + c, sums - tl.sum(mass, 0) * residue, mask=c < C)


@triton.jit
def gradients_kernel(
    sums_ptr,  # [B, programs, K, C], pixels about the centre, by pull
    counts_ptr,  # [B, programs, 3, K]: assignment, pull, and slope of the smoothing
    about_ptr,  # [K, C], codewords about the centre
    slope_ptr,  # [B, K, C]
    codewords_ptr,  # [K, C], their gradient, any strides
    smoothing_ptr,  # [K], and that of smoothing, any stride
    programs,
    slots,  # B * programs
    K,
    C,
    stride_k,
    stride_c,
    stride_s,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
    SUM: tl.constexpr,
):
    """Add up what programs found of some channels of one codeword, always in the same order."""
    blocks = tl.cdiv(C, BLOCK_C)
    row = (tl.program_id(0) // blocks).to(tl.int64)
    block = tl.program_id(0) % blocks
    c = block * BLOCK_C + tl.arange(0, BLOCK_C)
    sums = tl.zeros((BLOCK_C,), SUM)
    force = tl.zeros((BLOCK_P,), SUM)
    heat = tl.zeros((BLOCK_P,), SUM)
    for start in range(0, slots, BLOCK_P):
        p = (start + tl.arange(0, BLOCK_P)).to(tl.int64)
        inside = (p[:, None] < slots) & (c[None, :] < C)
        places = counts_ptr + p * 3 * K + row
        mass = tl.load(places, mask=p < slots, other=0.0)
        force += tl.load(places + K, mask=p < slots, other=0.0)
        heat += tl.load(places + 2 * K, mask=p < slots, other=0.0)
        part = tl.load(sums_ptr + (p[:, None] * K + row) * C + c[None, :], mask=inside, other=0.0)
        image = p // programs
        slopes = slope_ptr + (image[:, None] * K + row) * C + c[None, :]
        slope = tl.load(slopes, mask=inside, other=0.0)
        sums += tl.sum(part - mass[:, None] * slope, 0)
    about = tl.load(about_ptr + row * C + c, mask=c < C, other=0.0)
    found = sums - tl.sum(force, 0) * about
    places = codewords_ptr + row * stride_k + c * stride_c
    tl.store(places, found.to(codewords_ptr.dtype.element_ty), mask=c < C)
    if block == 0:
        tl.store(smoothing_ptr + row * stride_s, tl.sum(heat, 0).to(smoothing_ptr.dtype.element_ty))
