"""Encoding in a Triton kernel, which writes neither residuals nor assignment to memory.

A program encodes tiles of pixels of one image and leaves a partial sum [K, C], and how many pixels
each codeword holds; PyTorch adds the partials up, so that the result does not depend on the order
in which programs finish, as it would with atomics. Where a tile of pixels fits with all its
channels, the features are read once; otherwise twice, the second time from the cache of the GPU.
The backward is a kernel too; `fused_backward` says what it moves. The forward moves the bytes of
the features once, and 4 bytes for each of programs × K × C partial sums, written and read.
"""
# pyright: reportCallIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from contextseg.ops.dispatch import without_autocast
from contextseg.ops.encode import products
from contextseg.ops.encode.fused_backward import backward_kernel
from contextseg.ops.encode.fused_kernels import encode_kernel

SHARED_MEMORY = 101376
"""Bytes of shared memory that every GPU from compute capability 8.0 on grants a program."""
GAIN = 4096.0
"""Factor of the assignment in half precision, so that its small weights keep their digits."""


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


class _Prepared(NamedTuple):
    """Inputs as the kernels take them."""

    features: Tensor
    """[B, N, C], in half precision where SPLIT, else in the dtype of the sums."""
    split: bool
    """Features are multiplied in half precision, by codewords in two parts."""
    book: products.Codebook
    stored: Tensor
    """Codewords about their centre, [1, K, C], or scaled and in two parts, [2, K, C]."""
    terms: Tensor
    """[4, K], see `distances_of`."""


def _prepare(features: Tensor, codewords: Tensor, smoothing: Tensor) -> _Prepared:
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
    terms = torch.stack([book.smoothing, d.square().sum(-1), offsets, scale])
    return _Prepared(features, split, book, stored, terms)


@torch.library.custom_op("contextseg::encode", mutates_args=())
def encode(features: Tensor, codewords: Tensor, smoothing: Tensor) -> Tensor:
    """Residual encoders [B, K, C]; see `contextseg.ops.encode`."""
    (B, N, C), K = features.shape, codewords.shape[0]
    features, split, book, stored, terms = _prepare(features, codewords, smoothing)
    dtype = terms.dtype
    sizes = plan(C, K, features.dtype.itemsize, _shared_memory(features.device))
    num_tiles = triton.cdiv(N, sizes.block_n)
    tiles = triton.cdiv(num_tiles, _programs(features.device, B)) if sizes.whole else 1
    programs = triton.cdiv(num_tiles, max(1, tiles))
    sums = features.new_empty((B, programs, K, C), dtype=dtype)
    mass = features.new_empty((B, programs, K), dtype=dtype)
    if sums.numel():
        with torch.cuda.device_of(features):
            encode_kernel[(programs, B)](
                features, stored, book.centre, terms, sums, mass, N, K, C, tiles,
                *features.stride(), GAIN, BLOCK_N=sizes.block_n, BLOCK_K=sizes.block_k,
                BLOCK_C=sizes.block_c, WHOLE=sizes.whole, SPLIT=split, SUM=_triton_dtype(dtype),
                num_warps=8, num_stages=sizes.stages,
            )  # fmt: skip
    # Half precision sums x, not x - centre.
    residue = codewords.to(dtype) if split else book.codewords
    return sums.sum(1) - mass.sum(1)[..., None] * residue


def backward_plan(C: int, K: int, itemsize: int) -> tuple[int, int, int]:
    """Pixels, codewords and channels that a program of the backward takes at a time.

    With twice as many pixels or channels, registers spill by far, says the assembler.
    """
    channels = min(32, max(16, triton.next_power_of_2(C)))
    return 64 if itemsize <= 4 else 32, max(16, triton.next_power_of_2(K)), channels


@torch.library.custom_op("contextseg::encode_backward", mutates_args=())
def gradients(
    slope: Tensor, features: Tensor, codewords: Tensor, smoothing: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of features, codewords and smoothing, in their dtypes."""
    (B, N, C), K = features.shape, codewords.shape[0]
    grad = torch.empty_like(features)
    given, split, book, stored, terms = _prepare(features, codewords, smoothing)
    dtype, d = terms.dtype, book.codewords
    block_n, block_k, block_c = backward_plan(C, K, given.dtype.itemsize)
    num_tiles = triton.cdiv(N, block_n)
    # Two programs a processor: while one waits for memory, the other computes.
    tiles = triton.cdiv(num_tiles, 2 * _programs(given.device, B))
    programs = triton.cdiv(num_tiles, max(1, tiles))
    slope = slope.to(dtype).contiguous()
    turns = (slope * d).sum(-1)
    sums = features.new_empty((B, programs, K, C), dtype=dtype)
    counts = features.new_empty((B, programs, 3, K), dtype=dtype)
    if sums.numel():
        with torch.cuda.device_of(features):
            backward_kernel[(programs, B)](
                given, stored, book.centre, terms, d, slope, turns, grad, sums, counts,
                N, K, C, tiles, *given.stride(), *grad.stride(),
                BLOCK_N=block_n, BLOCK_K=block_k, BLOCK_C=block_c, SPLIT=split,
                SUM=_triton_dtype(dtype), PRECISION=_precision(features.dtype),
                num_warps=8, num_stages=3,
            )  # fmt: skip
    mass, force, heat = counts.sum(1).unbind(1)  # [B, K]
    pulled = sums.sum((0, 1)) - force.sum(0)[:, None] * d - (mass[..., None] * slope).sum(0)
    return grad, pulled.to(codewords.dtype), heat.sum(0).to(smoothing.dtype)


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
    inputs: tuple[Tensor, Tensor, Tensor] = ctx.saved_tensors
    with without_autocast(slope):
        if torch.is_grad_enabled():  # create_graph=True: the gradient is differentiated again
            return products.backward(slope, *inputs, ctx.needs_input_grad)
        found = gradients(slope, *inputs)
    return tuple(
        grad if needed else None for grad, needed in zip(found, ctx.needs_input_grad, strict=True)
    )


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
    for name in ("bf16", "fp16", "fp32", "fp64"):
        total = "fp64" if name == "fp64" else "fp32"
        itemsize = tl.dtype(name).primitive_bitwidth // 8
        constants = dict(
            zip(("BLOCK_N", "BLOCK_K", "BLOCK_C"), backward_plan(512, 32, itemsize), strict=True)
        )
        precision = {"bf16": "tf32", "fp16": "tf32x3"}.get(name, "ieee")
        constants |= {"SPLIT": itemsize == 2, "SUM": tl.dtype(total), "PRECISION": precision}
        constants |= {"stride_c": 1, "grad_c": 1}
        types = {"features_ptr": f"*{name}", "book_ptr": f"*{name}", "grad_ptr": f"*{name}"}
        signature = {
            argument: "constexpr" if argument in constants
            else types.get(argument, f"*{total}") if argument.endswith("_ptr") else "i32"
            for argument in backward_kernel.arg_names
        }  # fmt: skip
        constants |= {"num_warps": 8, "num_stages": 3}
        entries.append((backward_kernel, signature, constants))
    return entries
