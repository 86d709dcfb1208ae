"""Encoding in a Triton kernel, which writes neither residuals nor assignment to memory.

A program encodes tiles of pixels of one image and leaves a partial sum [K, C], and how many pixels
each codeword holds; another kernel adds the partials up, so that the result does not depend on the
order in which programs finish, as it would with atomics. Where a tile of pixels fits with all its
channels, the features are read once; otherwise twice, the second time from the cache of the GPU.
The backward is a kernel too; `fused_backward` says what it moves. The forward moves the bytes of
the features once, and 4 bytes for each of programs × K × C partial sums, written and read.
"""
# pyright: reportCallIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from contextseg.ops.dispatch import without_autocast
from contextseg.ops.encode import products
from contextseg.ops.encode.fused_backward import backward_kernel
from contextseg.ops.encode.fused_kernels import encode_kernel
from contextseg.ops.encode.fused_plan import (
    LARGE,
    SHARED_MEMORY,
    backward_plan,
    codebook_plan,
    plan,
    sums_plan,
)
from contextseg.ops.encode.fused_small import codebook_kernel, encoders_kernel, gradients_kernel

GAIN = 4096.0
"""Factor of the assignment in half precision, so that its small weights keep their digits."""


class _Prepared(NamedTuple):
    """Inputs as the kernels take them."""

    features: Tensor
    """[B, N, C], in half precision where `split`, else in the dtype of the sums."""
    split: bool
    """Features are multiplied in half precision, by codewords in two parts."""
    centre: Tensor
    """Mean codeword, [C]."""
    about: Tensor
    """Codewords about their mean, [K, C]."""
    book: Tensor
    """The same, or scaled and in two parts of half precision, [2, K, C]."""
    terms: Tensor
    """[4, K], see `distances_of`."""
    turns: Tensor
    """Products of slopes and codewords about their mean, [B, K]; empty without slopes."""


def _prepare(
    features: Tensor, codewords: Tensor, smoothing: Tensor, slope: Tensor | None = None
) -> _Prepared:
    """Launch `codebook_kernel`; `slope` is [B, K, C], contiguous, in the dtype of the sums."""
    (K, C), dtype = codewords.shape, products.result_dtype(features, codewords, smoothing)
    split = features.dtype.itemsize == 2 and dtype == torch.float32
    if not split:
        features = features.to(dtype)
    about = codewords.new_empty((K, C), dtype=dtype)
    book = features.new_empty((2, K, C)) if split else about
    centre, terms = about.new_empty(C), about.new_empty((4, K))
    B = 0 if slope is None else len(slope)
    turns = about.new_empty((B, K))
    block_b, block_k, block_c = codebook_plan(C, K)
    with torch.cuda.device_of(features):
        codebook_kernel[(K, 1 + triton.cdiv(B, block_b))](
            codewords, smoothing, about if slope is None else slope, centre, about, book, terms,
            turns, B, K, C, *codewords.stride(), *smoothing.stride(), BLOCK_B=block_b,
            BLOCK_K=block_k, BLOCK_C=block_c, SPLIT=split, SUM=_triton_dtype(dtype), num_warps=8,
        )  # fmt: skip
    return _Prepared(features, split, centre, about, book, terms, turns)


@torch.library.custom_op("contextseg::encode", mutates_args=())
def encode(features: Tensor, codewords: Tensor, smoothing: Tensor) -> Tensor:
    """Residual encoders [B, K, C]; see `contextseg.ops.encode`."""
    (B, N, C), K = features.shape, codewords.shape[0]
    dtype = products.result_dtype(features, codewords, smoothing)
    if not (B and N and C and K):
        return features.new_zeros((B, K, C), dtype=dtype)
    features, split, centre, about, book, terms, _ = _prepare(features, codewords, smoothing)
    memory, by_channel = _shared_memory(features.device), features.stride(2) == 1
    sizes = plan(C, K, features.dtype.itemsize, memory, by_channel)
    num_tiles = triton.cdiv(N, sizes.block_n)
    tiles = triton.cdiv(num_tiles, _programs(features.device, B))
    programs = triton.cdiv(num_tiles, tiles)
    sums, mass = terms.new_empty((B, programs, K, C)), terms.new_empty((B, programs, K))
    encoders = terms.new_empty((B, K, C))
    # Half precision sums x, not x - centre.
    residue = codewords if split else about
    block_p, block_c = sums_plan(C, programs)
    with torch.cuda.device_of(features):
        encode_kernel[(programs, B)](
            features, book, centre, terms, sums, mass, N, K, C, tiles, *features.stride(),
            GAIN=GAIN, BLOCK_N=sizes.block_n, BLOCK_K=sizes.block_k, BLOCK_C=sizes.block_c,
            WHOLE=sizes.whole, SPLIT=split, SUM=_triton_dtype(dtype), num_warps=8,
            num_stages=sizes.stages,
        )  # fmt: skip
        encoders_kernel[(K * triton.cdiv(C, block_c), B)](
            sums, mass, residue, encoders, programs, K, C, *residue.stride(),
            BLOCK_P=block_p, BLOCK_C=block_c, SUM=_triton_dtype(dtype), num_warps=4,
        )  # fmt: skip
    return encoders


@torch.library.custom_op("contextseg::encode_backward", mutates_args=())
def gradients(
    slope: Tensor, features: Tensor, codewords: Tensor, smoothing: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of features, codewords and smoothing, in their dtypes."""
    (B, N, C), K = features.shape, codewords.shape[0]
    grad = torch.empty_like(features)
    if not (B and N and C and K):
        return grad.zero_(), torch.zeros_like(codewords), torch.zeros_like(smoothing)
    dtype = products.result_dtype(features, codewords, smoothing)
    slope = slope.to(dtype).contiguous()
    prepared = _prepare(features, codewords, smoothing, slope)
    given, split, centre, about, book, terms, turns = prepared
    block_n, block_k, block_c = backward_plan(C, K, given.dtype.itemsize)
    num_tiles = triton.cdiv(N, block_n)
    # Two programs a processor: while one waits for memory, the other computes.
    tiles = triton.cdiv(num_tiles, _programs(given.device, B, 2))
    programs = triton.cdiv(num_tiles, tiles)
    sums, counts = terms.new_empty((B, programs, K, C)), terms.new_empty((B, programs, 3, K))
    pulled, heat = torch.empty_like(codewords), torch.empty_like(smoothing)
    block_p, channels = sums_plan(C, B * programs)
    with torch.cuda.device_of(features):
        backward_kernel[(programs, B)](
            given, book, centre, terms, about, slope, turns, grad, sums, counts,
            N, K, C, tiles, *given.stride(), *grad.stride(),
            BLOCK_N=block_n, BLOCK_K=block_k, BLOCK_C=block_c, SPLIT=split,
            SUM=_triton_dtype(dtype), PRECISION=_precision(features.dtype),
            num_warps=8, num_stages=3,
        )  # fmt: skip
        gradients_kernel[(K * triton.cdiv(C, channels),)](
            sums, counts, about, slope, pulled, heat, programs, B * programs, K, C,
            *pulled.stride(), *heat.stride(), BLOCK_P=block_p, BLOCK_C=channels,
            SUM=_triton_dtype(dtype), num_warps=4,
        )  # fmt: skip
    return grad, pulled, heat


@gradients.register_fake
def _(
    slope: Tensor, features: Tensor, codewords: Tensor, smoothing: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(features), torch.empty_like(codewords), torch.empty_like(smoothing)


def _precision(dtype: torch.dtype) -> str:
    """How the backward multiplies numbers of the sums' dtype for features of this one.

    The digits of `tf32` are as many as float16 has, and more than bfloat16 has.
    """
    return {torch.bfloat16: "tf32", torch.float16: "tf32x3"}.get(dtype, "ieee")


def _triton_dtype(dtype: torch.dtype) -> tl.dtype:
    return tl.float64 if dtype == torch.float64 else tl.float32


@functools.cache
def _shared_memory(device: torch.device) -> int:
    """Bytes that a program may have."""
    if device.type != "cuda":
        return SHARED_MEMORY
    return torch.cuda.get_device_properties(device).shared_memory_per_block_optin


def _programs(device: torch.device, images: int, each: int = 1) -> int:
    """Programs an image, so that all together keep the GPU busy; two in the interpreter.

    No more than the processors run at once, `each` on every one: a few that are left over would
    take as long as all before them.
    """
    if device.type != "cuda":
        return 2
    return max(1, each * _processors(device) // images)


@functools.cache
def _processors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count


@encode.register_fake
def _(features: Tensor, codewords: Tensor, smoothing: Tensor) -> Tensor:
    dtype = products.result_dtype(features, codewords, smoothing)
    return features.new_empty((features.shape[0], *codewords.shape), dtype=dtype)


def _save(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
    inputs: tuple[Tensor, Tensor, Tensor] = ctx.saved_tensors
    with without_autocast(slope):
        if torch.is_grad_enabled():  # create_graph=True: the gradient is differentiated again
            return products.backward(slope, *inputs, ctx.needs_input_grad)
        found = gradients(slope, *inputs)
    return tuple(
        grad if needed else None for grad, needed in zip(found, ctx.needs_input_grad, strict=True)
    )


encode.register_autograd(_backward, setup_context=_save)


def ahead_of_time(memory: int = SHARED_MEMORY) -> list[tuple[Any, dict[str, str], dict[str, Any]]]:
    """Kernels to compile without a GPU that has so many bytes of shared memory.

    Of EncNet's size, a small and a large one.
    """
    entries = []
    for name, C, K in (
        ("fp16", 512, 32), ("bf16", 512, 32), ("bf16", 128, 32), ("bf16", 2048, 64),
        ("fp32", 512, 32), ("fp32", 128, 32), ("fp64", 128, 16),
    ):  # fmt: skip
        itemsize = tl.dtype(name).primitive_bitwidth // 8
        # As of a channels-last and of a contiguous feature map.
        plans = [(unit, plan(C, K, itemsize, memory, unit == "stride_c"))
                 for unit in ("stride_c", "stride_n")]  # fmt: skip
        if memory < LARGE and itemsize == 2:  # a large GPU's blocks of channels need no more
            more = plan(C, K, itemsize, LARGE, True)
            plans += [] if more.whole else [("stride_c", more)]
        for unit, sizes in plans:
            constants: dict[str, Any] = {
                "BLOCK_N": sizes.block_n, "BLOCK_K": sizes.block_k, "BLOCK_C": sizes.block_c,
                "WHOLE": sizes.whole, "GAIN": GAIN,
            }  # fmt: skip
            options = {"num_warps": 8, "num_stages": sizes.stages}
            entries.append(_entry(encode_kernel, name, constants | {unit: 1}, options))
    for name in ("bf16", "fp16", "fp32", "fp64"):
        itemsize, options = tl.dtype(name).primitive_bitwidth // 8, {"num_warps": 8}
        names = ("BLOCK_N", "BLOCK_K", "BLOCK_C")
        blocks = zip(names, backward_plan(512, 32, itemsize), strict=True)
        precision = {"bf16": "tf32", "fp16": "tf32x3"}.get(name, "ieee")
        constants = {"PRECISION": precision, "stride_c": 1, "grad_c": 1, **dict(blocks)}
        entries.append(_entry(backward_kernel, name, constants, options | {"num_stages": 3}))
        blocks = zip(("BLOCK_B", "BLOCK_K", "BLOCK_C"), codebook_plan(512, 32), strict=True)
        entries.append(_entry(codebook_kernel, name, {"stride_c": 1, **dict(blocks)}, options))
        block_p, block_c = sums_plan(512, 256)
        constants = {"stride_c": 1, "BLOCK_P": block_p, "BLOCK_C": block_c}
        for kernel in (encoders_kernel, gradients_kernel):
            entries.append(_entry(kernel, name, constants, {"num_warps": 4}))
    return entries


def _entry(
    kernel: Any, name: str, constants: dict[str, Any], options: dict[str, int]
) -> tuple[Any, dict[str, str], dict[str, Any]]:
    """A kernel for features of a dtype; SPLIT and SUM follow from it."""
    total = "fp64" if name == "fp64" else "fp32"
    constants = constants | {"SPLIT": name in ("fp16", "bf16"), "SUM": tl.dtype(total)}
    constants = {key: value for key, value in constants.items() if key in kernel.arg_names}
    types = dict.fromkeys(("features_ptr", "book_ptr", "grad_ptr"), f"*{name}")
    signature = {
        argument: "constexpr" if argument in constants
        else types.get(argument, f"*{total}") if argument.endswith("_ptr") else "i32"
        for argument in kernel.arg_names
    }  # fmt: skip
    return kernel, signature, constants | options
