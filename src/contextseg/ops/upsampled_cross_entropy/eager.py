"""Upsampled cross-entropy cell by cell, with its gradient computed on the way.

Softmax needs the exponentials of the upsampled logits, and those of a cell follow from a few by
multiplication (see `contextseg.ops.upsampled_cells`): hardly any exponential is computed. The
gradient with respect to a block of upsampled logits is known as soon as their softmax is. It is
taken back to feature size at once, so that all that a forward leaves for the backward is one tensor
of the size of the coarse logits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from contextseg.ops.dispatch import refuse_second_derivatives, sum_dtype
from contextseg.ops.upsampled_cells import (
    Axis,
    Block,
    axis,
    blocks,
    exponentials,
    increments,
    is_level,
    pad,
    spread_back,
    unpad,
    values,
)
from contextseg.ops.upsampled_cross_entropy.options import LossOptions, is_hard


def upsampled_cross_entropy(
    coarse_logits: Tensor, labels: Tensor, options: LossOptions
) -> tuple[Tensor, Tensor]:
    """Sum of losses and of weights; see `contextseg.ops.upsampled_cross_entropy`."""
    ignore_index, align_corners = options.ignore_index, options.align_corners
    if options.ohem_threshold is not None:
        find = pixel_losses_op if torch.compiler.is_compiling() else pixel_losses
        plain = find(coarse_logits.detach(), labels, ignore_index, align_corners)
        valid = labels != ignore_index
        hard = is_hard(plain, valid, options)
        labels = torch.where(hard, labels, ignore_index)
    return _Loss.apply(
        coarse_logits,
        labels,
        options.class_weights,
        options.label_smoothing,
        ignore_index,
        align_corners,
        coarse_logits.requires_grad and torch.is_grad_enabled(),
    )


def loss_and_gradient(
    coarse_logits: Tensor,
    labels: Tensor,
    class_weights: Tensor | None,
    label_smoothing: float,
    ignore_index: int,
    align_corners: bool,
    with_gradient: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Sum of losses, sum of weights, and gradient [B, L, H, W] of the former (else [0])."""
    B, L, H, W = coarse_logits.shape
    dtype, device = sum_dtype(coarse_logits.dtype), coarse_logits.device
    rows = axis(H, labels.shape[1], align_corners)
    columns = axis(W, labels.shape[2], align_corners)
    padded = pad(coarse_logits.to(dtype))
    weights = None if class_weights is None else class_weights.to(dtype)
    # A pixel's loss is hit · -log p_y + Σ_c spread_c · -log p_c.
    spread = None
    if label_smoothing > 0:
        each = padded.new_full((L,), label_smoothing / L)
        spread = each if weights is None else each * weights
    total, weight = padded.new_zeros(()), padded.new_zeros(())
    grad = torch.zeros_like(padded) if with_gradient else None
    for block in blocks(B, rows, columns, L * dtype.itemsize, device):
        corners = block.corners(padded)
        corners = corners - corners.amax(0)  # changes no probability
        target, counts = labels_of(labels, rows, columns, block, L, ignore_index)
        share = counts.to(dtype) if weights is None else counts * weights[target]
        powers, sums, log_sums, true = softmax_parts(corners, target, rows, columns, block)
        hit = share * (1 - label_smoothing)
        total += (hit * (log_sums - true)).sum()
        weight += share.sum()
        pull, evenly = hit, None
        if spread is not None:
            mass = spread.sum() * counts
            pull = hit + mass
            # Upsampled logits enter the smoothed loss linearly: their sum is one at the corners.
            evenly = spread_back(counts[None].to(dtype), rows, columns, block)  # [1, ., .]
            total += (mass * log_sums).sum() - (evenly * corners * spread[:, None, None]).sum()
        if grad is None:
            continue
        slope = powers.mul_(pull / sums).scatter_add_(0, target[None], -hit[None])
        back = spread_back(slope, rows, columns, block)
        if spread is not None and evenly is not None:
            back -= evenly * spread[:, None, None]
        block.corners(grad).add_(back)
    return total, weight, padded.new_empty(0) if grad is None else unpad(grad)


# An operator of its own, so that a compiled graph holds one node and not every block. Only graphs
# need it: the first call of an operator imports the compiler, 150 MiB of it.
loss_and_gradient_op = torch.library.custom_op(
    "contextseg::upsampled_cross_entropy_cells", loss_and_gradient, mutates_args=()
)


@loss_and_gradient_op.register_fake
def _(
    coarse_logits: Tensor,
    labels: Tensor,
    class_weights: Tensor | None,
    label_smoothing: float,
    ignore_index: int,
    align_corners: bool,
    with_gradient: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    dtype = sum_dtype(coarse_logits.dtype)
    scalar = coarse_logits.new_empty((), dtype=dtype)
    shape = coarse_logits.shape if with_gradient else (0,)
    return scalar, torch.empty_like(scalar), coarse_logits.new_empty(shape, dtype=dtype)


class _Loss(torch.autograd.Function):
    """Sum of losses and sum of weights; takes what `loss_and_gradient` does."""

    @staticmethod
    def forward(ctx: Any, coarse_logits: Tensor, *options: Any) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        run = loss_and_gradient_op if torch.compiler.is_compiling() else loss_and_gradient
        total, weight, grad = run(coarse_logits, *options)
        ctx.save_for_backward(grad)
        ctx.dtype = coarse_logits.dtype
        ctx.mark_non_differentiable(weight)
        return total, weight

    @staticmethod
    def backward(ctx: Any, slope: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        if torch.is_grad_enabled():  # create_graph=True
            refuse_second_derivatives("upsampled_cross_entropy")
        (grad,) = ctx.saved_tensors
        return (grad * slope).to(ctx.dtype), *[None] * 6


def pixel_losses(
    coarse_logits: Tensor, labels: Tensor, ignore_index: int, align_corners: bool
) -> Tensor:
    """-log of the probability of the true class of each pixel, [B, h, w]; 0 where ignored."""
    (B, L, H, W), (height, width) = coarse_logits.shape, labels.shape[1:]
    dtype = sum_dtype(coarse_logits.dtype)
    rows, columns = axis(H, height, align_corners), axis(W, width, align_corners)
    padded = pad(coarse_logits.to(dtype))
    losses = padded.new_empty(labels.shape)
    for block in blocks(B, rows, columns, L * dtype.itemsize, coarse_logits.device):
        corners = block.corners(padded)
        corners = corners - corners.amax(0)
        target, counts = labels_of(labels, rows, columns, block, L, ignore_index)
        _, _, log_sums, true = softmax_parts(corners, target, rows, columns, block)
        block.place(losses, counts * (log_sums - true), rows, columns)
    return losses


pixel_losses_op = torch.library.custom_op(
    "contextseg::upsampled_pixel_losses", pixel_losses, mutates_args=()
)


@pixel_losses_op.register_fake
def _(coarse_logits: Tensor, labels: Tensor, ignore_index: int, align_corners: bool) -> Tensor:
    return coarse_logits.new_empty(labels.shape, dtype=sum_dtype(coarse_logits.dtype))


def softmax_parts(
    corners: Tensor, target: Tensor, rows: Axis, columns: Axis, block: Block
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What softmax needs of the upsampled logits.

    Args:
        corners: coarse logits, 0 at most, [L, rows + 1, columns + 1].
        target: true class of each slot, [slots, slots, cells].
        rows: cells of the rows.
        columns: cells of the columns.
        block: which of them.

    Returns:
        Exponentials [L, slots, slots, cells] and their sums [slots, slots, cells], both up to a
        factor of the pixel; log of the sums of the exponentials and logit of the true class,
        [slots, slots, cells].
    """
    start = increments(corners, rows, columns, block)
    if is_level(corners):
        powers = exponentials(start, rows, columns)
        sums = powers.sum(0)
        return powers, sums, sums.log(), powers.gather(0, target[None])[0].log_()
    logits = values(start, rows, columns)
    true = logits.gather(0, target[None])[0]
    best = logits.amax(0)
    powers = logits.sub_(best).exp_()
    sums = powers.sum(0)
    return powers, sums, best.add_(sums.log()), true


def labels_of(
    labels: Tensor, rows: Axis, columns: Axis, block: Block, num_classes: int, ignore_index: int
) -> tuple[Tensor, Tensor]:
    """Class of each slot, and whether it counts, [slots, slots, cells].

    Raises:
        IndexError: a label is no class (on the CPU; elsewhere the device reports it).
    """
    label, filled = block.slots(labels, rows, columns)
    counts = (label != ignore_index) & filled
    target = torch.where(counts, label, 0)
    if target.device.type == "cpu" and not 0 <= target.amin() <= target.amax() < num_classes:
        wrong = target[(target < 0) | (target >= num_classes)][0]
        raise IndexError(
            f"upsampled_cross_entropy: labels must be 0 to {num_classes - 1}, the classes of "
            f"coarse_logits, or ignore_index {ignore_index}, got {wrong}."
        )
    return target, counts
