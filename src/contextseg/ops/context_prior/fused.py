"""Context through a prior that exists as chunks in a GPU's cache, or as tiles in registers.

`chunk_plan` says which inputs are computed in chunks; `chunks` does it. In tiles, forward and
backward are four passes of `gather_kernel`, ten products of N·M·C multiplications where seven would
do if nothing were computed twice: each pass makes the prior again instead of adding up in memory
what several programs found. So nothing of size N × M is in memory, there are no atomics, and the
result is the same every time. Gradients of the weights are summed image by image.
"""
# pyright: reportCallIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from contextseg.ops.context_prior import chunks, eager
from contextseg.ops.context_prior.affinity import AffinityTerms
from contextseg.ops.context_prior.chunk_plan import chunked
from contextseg.ops.context_prior.fused_kernels import gather_kernel
from contextseg.ops.context_prior.fused_plan import (
    SHARED_MEMORY,
    STAGES,
    WARPS,
    Pass,
    plan,
    shared_memory,
    triton_dtype,
)
from contextseg.ops.context_prior.inputs import (
    ContextGrads,
    FoldedInputs,
    PriorInputs,
    backward_operator,
    forward_operator,
    new_outputs,
)
from contextseg.ops.dispatch import refuse_second_derivatives


def context_prior(inputs: PriorInputs) -> tuple[Tensor, Tensor, AffinityTerms | None]:
    """Intra, inter, terms; see `contextseg.ops.context_prior`."""
    precision = precision_of(inputs.features, inputs.weight, inputs.values)
    narrow = torch.bfloat16 if precision == "bf16" else None
    return eager.context_prior(inputs, lambda folded: forward_op(*folded, precision), narrow)


def precision_of(features: Tensor, weight: Tensor, values: Tensor) -> str:
    """How products are computed; all are summed in float32, or in float64 for `ieee`.

    `bf16` multiplies numbers of bfloat16. `tf32` is for float16, whose digits it holds and whose
    range it exceeds: gradients of the prior are small as 1 / N². `float32` is three products of
    TF32, nearly as exact, or one where `torch.set_float32_matmul_precision` allows it.
    """
    given = {features.dtype, values.dtype}
    if torch.float64 in (features.dtype, weight.dtype):
        return "ieee"
    if given == {torch.bfloat16}:
        return "bf16"
    if given <= {torch.bfloat16, torch.float16}:
        return "tf32"
    return "float32"


OPERANDS = {"bf16": torch.bfloat16, "tf32": torch.float32, "float32": torch.float32}
"""What matrices are held in to be multiplied; else the dtype of the sums."""


def operand_of(precision: str, inputs: FoldedInputs) -> torch.dtype:
    """The dtype of the numbers that are multiplied."""
    return OPERANDS.get(precision, inputs.weight.dtype)


def in_chunks(precision: str, inputs: FoldedInputs) -> bool:
    """Whether `chunks` computes a batch, or tiles in registers."""
    B, N, _ = inputs.features.shape
    return chunked(precision, B * N * inputs.weight.shape[0])


class _Launch:
    """The passes over the prior of given tensors, whose products are of numbers of one dtype."""

    def __init__(self, inputs: FoldedInputs, slopes: Tensor, precision: str) -> None:
        dtype = operand_of(precision, inputs)
        matrices = inputs.features, inputs.weight, inputs.values, slopes
        self.operands = [tensor.to(dtype) for tensor in matrices]
        self.bias, self.groups, self.own = inputs.bias.contiguous(), inputs.groups, inputs.own
        labels = inputs.labels, inputs.key_labels, inputs.key_valid
        self.counts = inputs.labels is not None
        self.labels = [self.bias if tensor is None else tensor.contiguous() for tensor in labels]
        self.precision = precision
        if precision == "bf16":
            self.precision = "ieee"  # they can be multiplied in one way only
        if precision == "float32":
            exact = torch.get_float32_matmul_precision() == "highest"
            self.precision = "tf32x3" if exact else "tf32"

    def __call__(self, which: Pass, sums: Tensor, mean: Tensor, out: Tensor, rest: Tensor) -> None:
        """Run a pass; `gather_kernel` says which tensors are what."""
        features, weight, values, slopes = self.operands
        (B, N, _), (M, width), D = features.shape, weight.shape, values.shape[2]
        sizes = plan(which, width, D, weight.itemsize, shared_memory(features.device))
        blocks = triton.cdiv(width if which.gradient else D, sizes.out)
        if which.of_queries:
            grid = triton.cdiv(N, sizes.own), blocks * (self.groups if which.gradient else 1), B
        else:
            grid = triton.cdiv(M // self.groups, sizes.own) * self.groups, blocks, B
        with torch.cuda.device_of(features):
            gather_kernel[grid](
                features, weight, self.bias, values, slopes, *self.labels, sums, mean, out, rest,
                B, N, M, D, width,
                *features.stride(), *weight.stride(), *values.stride(), *slopes.stride(),
                *out.stride(),
                GROUPS=self.groups, OF_QUERIES=which.of_queries, GRADIENT=which.gradient,
                LABELS=self.counts, OWN_PAIR=self.own,
                OWN=sizes.own, OTHER=sizes.other, BLOCK=sizes.block, OUT=sizes.out,
                PRECISION=self.precision, SUM=triton_dtype(self.bias.dtype),
                num_warps=WARPS, num_stages=STAGES,
            )  # fmt: skip


def forward(inputs: FoldedInputs, precision: str) -> tuple[Tensor, Tensor, Tensor]:
    """Intra- and inter-class context and sums over rows; `tiles.forward` says of what."""
    intra, inter, sums = new_outputs(inputs)
    if not intra.numel() or not inputs.weight.shape[0]:
        return intra.zero_(), inter.zero_(), sums.zero_()
    if in_chunks(precision, inputs):
        return chunks.forward(inputs, precision, operand_of(precision, inputs))
    mean = inputs.values.mean(1, dtype=inputs.weight.dtype)  # [B, D]
    launch = _Launch(inputs, inputs.values, precision)
    launch(Pass.CONTEXT, sums, mean, intra, inter)
    return intra, inter, sums


def backward(
    grads: ContextGrads, inputs: FoldedInputs, precision: str
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of features, weight, bias and values."""
    features, weight, bias, values = inputs[:4]
    grad_features, grad_values = torch.empty_like(features), torch.empty_like(values)
    B, M = features.shape[0], weight.shape[0]
    if not grads.intra.numel() or not M or not weight.shape[1]:
        zeros = torch.zeros_like(weight), torch.zeros_like(bias)
        return grad_features.zero_(), *zeros, grad_values.zero_()
    if in_chunks(precision, inputs):
        return chunks.backward(grads, inputs, precision, operand_of(precision, inputs))
    slopes = (grads.intra.to(weight.dtype) - grads.inter.to(weight.dtype)) / M
    rest = grads.inter.sum(1, dtype=weight.dtype) / M  # of the mean value in inter, [B, D]
    sums = grads.sums.contiguous()
    grad_weight = weight.new_empty((B, *weight.shape))
    grad_bias = weight.new_empty((B, M))
    launch = _Launch(inputs, slopes, precision)
    launch(Pass.VALUES, sums, rest, grad_values, grad_bias)
    launch(Pass.FEATURES, sums, rest, grad_features, grad_bias)
    launch(Pass.WEIGHTS, sums, rest, grad_weight, grad_bias)
    return grad_features, grad_weight.sum(0), grad_bias.sum(0), grad_values


forward_op = forward_operator("context_prior_fused", forward, ", str precision")
backward_op = backward_operator("context_prior_fused_backward", backward, ", str precision")


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.groups, ctx.own, ctx.precision = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    if torch.is_grad_enabled():  # create_graph=True
        refuse_second_derivatives("context_prior", "fused")
    found = backward_op(*grads, *ctx.saved_tensors, ctx.groups, ctx.own, ctx.precision)
    return *found, None, None, None, None, None, None


forward_op.register_autograd(_backward, setup_context=_save)


UNIT_STRIDES = ("features_c", "weight_c", "values_d", "slopes_d", "out_c")
MATRICES = ("features_ptr", "weight_ptr", "values_ptr", "slopes_ptr")


def ahead_of_time(memory: int = SHARED_MEMORY) -> list[tuple[Any, dict[str, str], dict[str, Any]]]:
    """Kernels to compile without a GPU that has so many bytes of shared memory: CPNet's sizes."""
    entries = []
    # Of wider numbers a sample: each compilation takes a second.
    for precision, passes in (
        ("bf16", tuple(Pass)),
        ("tf32", (Pass.WEIGHTS,)),
        ("tf32x3", (Pass.CONTEXT, Pass.WEIGHTS)),
        ("ieee", (Pass.WEIGHTS,)),
    ):
        total = "fp64" if precision == "ieee" else "fp32"
        operand = "bf16" if precision == "bf16" else total
        for which in passes:
            sizes = plan(which, 512, 512, tl.dtype(operand).primitive_bitwidth // 8, memory)
            constants: dict[str, Any] = {
                "GROUPS": 1, "OF_QUERIES": which.of_queries, "GRADIENT": which.gradient,
                "LABELS": True, "OWN_PAIR": False, "OWN": sizes.own, "OTHER": sizes.other,
                "BLOCK": sizes.block, "OUT": sizes.out, "SUM": tl.dtype(total),
                "PRECISION": "ieee" if precision == "bf16" else precision,
            }  # fmt: skip
            # Contexts have the dtype of the values, and so has their gradient.
            outputs = {"out_ptr"} if not which.gradient else set[str]()
            outputs |= {"rest_ptr"} if which is Pass.CONTEXT else set()
            constants |= dict.fromkeys(UNIT_STRIDES, 1)
            signature = {}
            for name in gather_kernel.arg_names:
                if name in constants:
                    signature[name] = "constexpr"
                elif name.endswith("_ptr"):
                    narrow = name in MATRICES or name in outputs
                    signature[name] = f"*{operand if narrow else total}"
                else:
                    signature[name] = "i32"
            constants |= {"num_warps": WARPS, "num_stages": STAGES}
            entries.append((gather_kernel, signature, constants))
    return entries + chunks.ahead_of_time()
