"""Encoding in a Triton kernel, which writes neither residuals nor assignment to memory.

A program encodes tiles of pixels of one image and leaves a partial sum [K, C], and how many pixels
each codeword holds; PyTorch adds the partials up, so that the result does not depend on the order
in which programs finish, as it would with atomics. Where a tile of pixels fits with all its
channels, the features are read once; otherwise twice, the second time from the cache of the GPU.
"""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from contextseg.ops.dispatch import without_autocast
from contextseg.ops.encode import products

SHARED_MEMORY = 101376
"""Bytes of shared memory that every GPU from compute capability 8.0 on grants a program."""
GAIN = 4096.0
"""Factor of the assignment in half precision, so that its small weights keep their digits."""


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
def assign(squares, dots, n, k, terms_ptr, N, K):
    """Soft assignment [n, k] of a tile; zero where there is no pixel."""
    smoothing = tl.load(terms_ptr + k, mask=k < K, other=0.0)
    norms = tl.load(terms_ptr + K + k, mask=k < K, other=0.0)  # |d|²
    offsets = tl.load(terms_ptr + 2 * K + k, mask=k < K, other=0.0)  # centre · d
    scale = tl.load(terms_ptr + 3 * K + k, mask=k < K, other=0.0)  # of the codewords in `dots`
    distances = squares[:, None] - 2 * (dots * scale[None, :] - offsets[None, :]) + norms[None, :]
    scores = tl.where(k[None, :] < K, -smoothing[None, :] * distances, -float("inf"))
    weights = tl.exp(scores - tl.max(scores, 1)[:, None])
    return tl.where(n[:, None] < N, weights / tl.sum(weights, 1)[:, None], 0.0)


@triton.jit
def aggregate(x, assignment, c, centre_ptr, C, SPLIT: tl.constexpr, SUM: tl.constexpr, GAIN):
    """Features summed by assignment, [c, k]."""
    if SPLIT:
        amplified = assignment * GAIN
        high = amplified.to(x.dtype)
        low = (amplified - high.to(SUM)).to(x.dtype)
        sums = tl.dot(tl.trans(x), low, out_dtype=SUM)
        sums = tl.dot(tl.trans(x), high, acc=sums, out_dtype=SUM)
        return sums / GAIN
    centre = tl.load(centre_ptr + c, mask=c < C, other=0.0)
    about = x.to(SUM) - centre[None, :]
    return tl.dot(tl.trans(about), assignment, input_precision="ieee", out_dtype=SUM)


@triton.jit
def encode_kernel(
    features_ptr,  # [B, N, C], any strides
    book_ptr,  # [2, K, C] codewords about their centre and what rounding left, or [1, K, C]
    centre_ptr,  # [C]
    terms_ptr,  # [4, K], see assign()
    sums_ptr,  # [B, programs, K, C]
    mass_ptr,  # [B, programs, K]
    N,
    K,
    C,
    tiles,  # tiles of BLOCK_N pixels that a program encodes
    stride_b,
    stride_n,
    stride_c,
    GAIN,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_C: tl.constexpr,
    WHOLE: tl.constexpr,
    SPLIT: tl.constexpr,
    SUM: tl.constexpr,
):
    """Encode some tiles of pixels of one image; if not WHOLE, one tile, block by block of C."""
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
            assignment = assign(squares, dots, n, k, terms_ptr, N, K)
            sums += aggregate(x, assignment, c, centre_ptr, C, SPLIT, SUM, GAIN)
            mass += tl.sum(assignment, 0)
        inside = (c[:, None] < C) & (k[None, :] < K)
        tl.store(sums_ptr + k[None, :] * C + c[:, None], sums, mask=inside)
    else:
        n = program * BLOCK_N + tl.arange(0, BLOCK_N)
        squares = tl.zeros((BLOCK_N,), SUM)
        dots = tl.zeros((BLOCK_N, BLOCK_K), SUM)
        for start in range(0, C, BLOCK_C):
            x = load(features_ptr, n, start + c, N, C, stride_n, stride_c)
            more_squares, more_dots = scores_of(
                x, k, start + c, book_ptr, centre_ptr, K, C, SPLIT, SUM
            )
            squares += more_squares
            dots += more_dots
        assignment = assign(squares, dots, n, k, terms_ptr, N, K)
        mass = tl.sum(assignment, 0)
        for start in range(0, C, BLOCK_C):
            at = start + c
            x = load(features_ptr, n, at, N, C, stride_n, stride_c)
            sums = aggregate(x, assignment, at, centre_ptr, C, SPLIT, SUM, GAIN)
            inside = (at[:, None] < C) & (k[None, :] < K)
            tl.store(sums_ptr + k[None, :] * C + at[:, None], sums, mask=inside)
    tl.store(mass_ptr + slot * K + k, mass, mask=k < K)


class Plan(NamedTuple):
    """How the work is cut up."""

    block_n: int
    block_k: int
    block_c: int
    whole: bool
    """Tiles hold all channels of their pixels."""
    stages: int
    """Tiles on their way from memory at a time."""


def plan(C: int, K: int, itemsize: int, shared_memory: int) -> Plan:
    """The largest tiles of features of so many bytes each that fit into shared memory."""
    block_k = max(16, triton.next_power_of_2(K))  # tl.dot takes no fewer than 16
    block_c = max(16, triton.next_power_of_2(C))
    codebooks = 2 if itemsize == 2 else 1
    for stages in (3, 2):
        size = (stages * 32 + codebooks * block_k) * block_c * itemsize
        # The sums stay in registers: 16384 of them are 64 for each of 256 threads.
        if block_c * block_k <= 16384 and size <= shared_memory:
            return Plan(32, block_k, block_c, True, stages)
    return Plan(64, block_k, 32 if block_k > 128 or itemsize > 4 else 64, False, 2)


@torch.library.custom_op("contextseg::encode", mutates_args=())
def encode(features: Tensor, codewords: Tensor, smoothing: Tensor) -> Tensor:
    """Residual encoders [B, K, C]; see `contextseg.ops.encode`."""
    (B, N, C), K = features.shape, codewords.shape[0]
    dtype = products.result_dtype(features, codewords, smoothing)
    split = features.dtype.itemsize == 2 and dtype == torch.float32
    if not split:
        features = features.to(dtype)
    book = products.codebook(codewords, smoothing, dtype)
    d, scale = book.codewords, torch.ones_like(book.smoothing)
    if split:
        # To at most 1 by a power of two, so that half precision neither overflows nor underflows.
        largest = d.abs().amax().nan_to_num(1.0).clamp(2.0**-60, 2.0**60)
        power = torch.exp2(torch.ceil(torch.log2(largest)))
        high = (d / power).to(features.dtype)
        stored = torch.stack([high, (d / power - high).to(features.dtype)])
        scale *= power
    else:
        stored = d[None]
    offsets = d @ book.centre if split else torch.zeros_like(scale)
    terms = torch.stack([book.smoothing, d.square().sum(-1), offsets, scale])  # [4, K]
    sizes = plan(C, K, features.dtype.itemsize, _shared_memory(features.device))
    num_tiles = triton.cdiv(N, sizes.block_n)
    tiles = triton.cdiv(num_tiles, _programs(features.device, B)) if sizes.whole else 1
    programs = triton.cdiv(num_tiles, max(1, tiles))
    sums = features.new_empty((B, programs, K, C), dtype=dtype)
    mass = features.new_empty((B, programs, K), dtype=dtype)
    if sums.numel():
        encode_kernel[(programs, B)](
            features, stored, book.centre, terms, sums, mass, N, K, C, tiles, *features.stride(),
            GAIN, BLOCK_N=sizes.block_n, BLOCK_K=sizes.block_k, BLOCK_C=sizes.block_c,
            WHOLE=sizes.whole, SPLIT=split,
            SUM=tl.float64 if dtype == torch.float64 else tl.float32,
            num_warps=8, num_stages=sizes.stages,
        )  # fmt: skip
    residue = codewords.to(dtype) if split else d  # half precision sums x, not x - centre
    return sums.sum(1) - mass.sum(1)[..., None] * residue


def _shared_memory(device: torch.device) -> int:
    """Bytes that a program may have."""
    if device.type != "cuda":
        return SHARED_MEMORY
    return torch.cuda.get_device_properties(device).shared_memory_per_block_optin


def _programs(device: torch.device, images: int) -> int:
    """Programs an image, so that all together keep the GPU busy; two in the interpreter."""
    if device.type != "cuda":
        return 2
    processors = torch.cuda.get_device_properties(device).multi_processor_count
    return max(1, triton.cdiv(processors, max(1, images)))


@encode.register_fake
def _(features: Tensor, codewords: Tensor, smoothing: Tensor) -> Tensor:
    dtype = products.result_dtype(features, codewords, smoothing)
    return features.new_empty((features.shape[0], *codewords.shape), dtype=dtype)


def _save(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients as matrix products over the assignment, computed once more."""
    inputs: tuple[Tensor, Tensor, Tensor] = ctx.saved_tensors
    with without_autocast(slope):
        return products.backward(slope, *inputs, ctx.needs_input_grad)


encode.register_autograd(_backward, setup_context=_save)


def ahead_of_time() -> list[tuple[Any, dict[str, str], dict[str, Any]]]:
    """Kernels to compile without a GPU: EncNet's size, a small and a large one."""
    entries = []
    for name, C, K in (
        ("fp16", 512, 32), ("bf16", 512, 32), ("bf16", 128, 32), ("bf16", 2048, 64),
        ("fp32", 512, 32), ("fp32", 128, 32), ("fp64", 128, 16),
    ):  # fmt: skip
        dtype = tl.dtype(name)
        total = tl.float64 if name == "fp64" else tl.float32
        split = name in ("fp16", "bf16")
        sizes = plan(C, K, dtype.primitive_bitwidth // 8, SHARED_MEMORY)
        constants: dict[str, Any] = {
            "BLOCK_N": sizes.block_n, "BLOCK_K": sizes.block_k, "BLOCK_C": sizes.block_c,
            "WHOLE": sizes.whole, "SPLIT": split, "SUM": total,
        }  # fmt: skip
        signature = {
            **dict.fromkeys(["features_ptr", "book_ptr"], f"*{name}"),
            **dict.fromkeys(["centre_ptr", "terms_ptr", "sums_ptr", "mass_ptr"], f"*{total.name}"),
            **dict.fromkeys(["N", "K", "C", "tiles", "stride_b", "stride_n"], "i32"),
            "stride_c": "constexpr",
            "GAIN": "fp32",
            **dict.fromkeys(constants, "constexpr"),
        }
        constants |= {"stride_c": 1, "num_warps": 8, "num_stages": sizes.stages}
        entries.append((encode_kernel, signature, constants))
    return entries
