"""Context through a prior of which a chunk at a time is in memory, for GPUs.

A chunk is some queries times all keys. Libraries multiply its matrices, at three times the rate of
tiles in registers, and one Triton kernel makes everything between the products. Its memory is used
again for the next chunk, nothing waits for the GPU, and no sum depends on the order of programs.
"""
# pyright: reportCallIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from contextseg.ops.context_prior import chunk_plan
from contextseg.ops.context_prior.batched import add_product, aligned, multiply, whole_lines
from contextseg.ops.context_prior.chunk_kernels import contexts_kernel, prior_kernel, slopes_kernel
from contextseg.ops.context_prior.fused_plan import triton_dtype
from contextseg.ops.context_prior.inputs import (
    ContextGrads,
    FoldedInputs,
    new_context,
    new_outputs,
)
from contextseg.ops.context_prior.tiling import key_spans
from contextseg.ops.dispatch import without_autocast


class _Chunks:
    """The chunks of given inputs, and memory for one of them."""

    def __init__(
        self, inputs: FoldedInputs, precision: str, operand: torch.dtype, number: int
    ) -> None:
        (self.B, self.N, _), self.M = inputs.features.shape, inputs.weight.shape[0]
        # Keys of zeros at the end: products of a number of keys that does not fill lines are slow.
        self.width = self.M if inputs.groups > 1 else whole_lines(self.M, operand)
        more = (0, 0, 0, self.width - self.M)
        self.features = aligned(inputs.features.to(operand))
        self.weight = aligned(F.pad(inputs.weight.to(operand), more)[None])
        self.values = aligned(F.pad(inputs.values.to(operand), more))
        self.bias, self.groups = inputs.bias.contiguous(), inputs.groups
        labels = inputs.labels, inputs.key_labels, inputs.key_valid
        self.labels = [self.bias if tensor is None else tensor.contiguous() for tensor in labels]
        self.options = {
            "LABELS": inputs.labels is not None,
            "OWN_PAIR": inputs.own,
            "SUM": triton_dtype(self.bias.dtype),
        }
        self.spans = list(chunk_plan.chunk_spans(self.B, self.N, self.M, precision))
        self.images = max(images.stop - images.start for images, _ in self.spans)
        self.rows = max(rows.stop - rows.start for _, rows in self.spans)
        self.stride = -(-self.M // chunk_plan.STEP) * chunk_plan.STEP
        shape = number, self.images * self.rows * self.stride
        wide = self.bias.dtype if chunk_plan.CHUNKS[precision].exact else operand
        self.wide = self.bias.new_empty(shape, dtype=wide)
        self.narrow = self.wide if wide == operand else self.bias.new_zeros(shape, dtype=operand)

    def chunk(self, buffer: Tensor, images: slice, rows: slice) -> Tensor:
        """A chunk at the start of a buffer, [images, rows, width]; kernels write the first M."""
        shape = images.stop - images.start, rows.stop - rows.start, self.stride
        return buffer[: shape[0] * shape[1] * shape[2]].view(shape)[..., : self.width]

    def by_group(self, images: slice, rows: slice) -> Iterator[tuple[slice, slice, Tensor, Tensor]]:
        """Keys and channels of each group, the features of the queries [images, rows, c], and the
        weights for each image [images, keys, c]."""
        for keys, channels in key_spans(self.weight[0], self.groups, self.width):
            features = self.features[images, rows, channels]
            weight = self.weight[:, keys].expand(len(features), -1, -1)
            yield keys, channels, features, weight

    def logits(self, images: slice, rows: slice) -> Tensor:
        """Features times weights, without the bias, in the first buffer."""
        logits = self.chunk(self.wide[0], images, rows)
        for keys, _, features, weight in self.by_group(images, rows):
            multiply(features, weight.mT, logits[..., keys])
        return logits

    def place(self, images: slice, rows: slice) -> tuple[int, int, int]:
        """First image, first query and number of queries of a chunk, for the kernels."""
        return images.start, rows.start, rows.stop - rows.start


def forward(
    inputs: FoldedInputs, precision: str, operand: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Both contexts and the sums over rows, as `tiles.forward` has them.

    Args:
        inputs: on a device that runs Triton kernels; nothing in them is empty.
        precision: a key of `chunk_plan.CHUNKS`.
        operand: dtype of the numbers that are multiplied.
    """
    intra, inter, sums = new_outputs(inputs)
    mean = inputs.values.mean(1, dtype=inputs.weight.dtype)  # [B, D]
    with without_autocast(inputs.weight), torch.cuda.device_of(inputs.weight):
        work = _Chunks(inputs, precision, operand, 1)
        laid_out = inputs.values[: work.images]
        found = new_context(laid_out, work.rows, dtype=inputs.weight.dtype)
        for images, rows in work.spans:
            logits, prior = work.logits(images, rows), work.chunk(work.narrow[0], images, rows)
            first_row = work.place(images, rows)
            number, count, D = len(logits), first_row[2], found.shape[2]
            blocks = chunk_plan.FORWARD
            prior_kernel[(triton.cdiv(count, blocks.rows), number)](
                logits, prior, work.bias, *work.labels, sums, *first_row,
                work.B, work.N, work.M, work.stride, **work.options,
                ROWS=blocks.rows, COLUMNS=blocks.columns, FACTORS=chunk_plan.FACTORS,
                num_warps=blocks.warps,
            )  # fmt: skip
            part = found[:number, :count]
            multiply(prior, work.values[images], part)
            blocks = chunk_plan.OUTPUT
            grid = triton.cdiv(count, blocks.rows), triton.cdiv(D, blocks.columns), number
            contexts_kernel[grid](
                part, mean, intra, inter, *first_row, work.M, D, *part.stride(), *intra.stride(),
                ROWS=blocks.rows, COLUMNS=blocks.columns, num_warps=blocks.warps,
            )  # fmt: skip
    return intra, inter, sums


def backward(
    grads: ContextGrads, inputs: FoldedInputs, precision: str, operand: torch.dtype
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of features, weight, bias and values: chunk by chunk, the prior is made again."""
    weight, values = inputs.weight, inputs.values
    grad_features, grad_values = torch.empty_like(inputs.features), torch.empty_like(values)
    blocks, sums = chunk_plan.BACKWARD, grads.sums.contiguous()
    with without_autocast(weight), torch.cuda.device_of(weight):
        work = _Chunks(inputs, precision, operand, 2)
        slopes = aligned(grads.intra.to(operand) - grads.inter.to(operand))
        rest = grads.inter.sum(1, keepdim=True, dtype=weight.dtype) / work.M  # [B, 1, D]
        groups = triton.cdiv(work.rows, chunk_plan.GROUP)
        columns = weight.new_zeros((work.images, groups, work.M))
        grad_weight = weight.new_zeros((work.images, work.width, weight.shape[1]))
        found = weight.new_empty((work.images, work.width, values.shape[2]))
        for images, rows in work.spans:
            first_row, slope = work.place(images, rows), slopes[images, rows]
            logits, number = work.logits(images, rows), len(slope)
            product, prior, result = (
                work.chunk(buffer, images, rows) for buffer in (work.wide[1], *work.narrow)
            )
            multiply(slope, work.values[images].mT, product)
            grid = triton.cdiv(work.M, blocks.columns), triton.cdiv(first_row[2], chunk_plan.GROUP)
            slopes_kernel[(*grid, number)](
                logits, product, prior, result, work.bias, *work.labels, sums, columns, *first_row,
                groups, work.B, work.N, work.M, work.stride, **work.options,
                GROUP=chunk_plan.GROUP, ROWS=blocks.rows, COLUMNS=blocks.columns,
                PRECISION=rounding(precision), num_warps=blocks.warps,
            )  # fmt: skip
            part = found[:number]
            if rows.start == 0:
                part.copy_(rest[images].expand_as(part))
            add_product(part, prior.mT, slope, 1 / work.M)
            for keys, channels, features, weights in work.by_group(images, rows):
                chosen = result[..., keys]
                multiply(chosen, weights, grad_features[images, rows, channels])
                add_product(grad_weight[:number, keys], chosen.mT, features)
            if rows.stop == work.N:
                grad_values[images] = part[:, : work.M]
    return grad_features, grad_weight.sum(0)[: work.M], columns.sum((0, 1)), grad_values


def rounding(precision: str) -> str:
    """How products round their factors: `tf32` where users allow it, else as their dtype does."""
    rounds = precision == "float32" and torch.get_float32_matmul_precision() != "highest"
    return "tf32" if rounds else "ieee"


def ahead_of_time() -> list[tuple[Any, dict[str, str], dict[str, Any]]]:
    """Kernels to compile without a GPU: in training, and of wider numbers a sample."""
    kernels = (
        (prior_kernel, chunk_plan.FORWARD, {"prior_ptr"}),
        (slopes_kernel, chunk_plan.BACKWARD, {"prior_ptr", "result_ptr"}),
        (contexts_kernel, chunk_plan.OUTPUT, {"intra_ptr", "inter_ptr"}),
    )
    entries = []
    for operand, total, chosen in (
        ("bf16", "fp32", kernels),
        ("fp32", "fp32", kernels[:2]),
        ("fp64", "fp64", kernels[1:2]),
    ):
        for kernel, blocks, narrow in chosen:
            constants: dict[str, Any] = {
                "LABELS": True, "OWN_PAIR": True, "GROUP": chunk_plan.GROUP, "ROWS": blocks.rows,
                "COLUMNS": blocks.columns, "PRECISION": "tf32" if operand == "fp32" else "ieee",
                "FACTORS": chunk_plan.FACTORS, "SUM": tl.dtype(total),
            }  # fmt: skip
            constants = {k: v for k, v in constants.items() if k in kernel.arg_names}
            signature = {
                name: "constexpr" if name in constants
                else "i32" if not name.endswith("_ptr")
                else f"*{operand if name in narrow else total}"
                for name in kernel.arg_names
            }  # fmt: skip
            entries.append((kernel, signature, constants | {"num_warps": blocks.warps}))
    return entries
