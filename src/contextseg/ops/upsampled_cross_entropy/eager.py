"""Upsampled cross-entropy strip by strip, with its gradient computed on the way.

The gradient with respect to a strip of upsampled logits is known as soon as their softmax is. It is
taken back to feature size at once, by the transposed interpolation, so that all that a forward
leaves for the backward is one tensor of the size of the coarse logits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype
from contextseg.ops.upsampled_cross_entropy.hard import is_hard
from contextseg.ops.upsampled_rows import interpolation_matrix, strips, upsampled_rows


def upsampled_cross_entropy(
    coarse_logits: Tensor,
    labels: Tensor,
    class_weights: Tensor | None,
    label_smoothing: float,
    ohem_threshold: float | None,
    ohem_min_kept: int,
    ignore_index: int,
    align_corners: bool,
) -> tuple[Tensor, Tensor]:
    """Sum of losses and of weights; see `contextseg.ops.upsampled_cross_entropy`."""
    dtype, num_classes = sum_dtype(coarse_logits.dtype), coarse_logits.shape[1]
    weights = None if class_weights is None else class_weights.to(dtype)
    valid = labels != ignore_index
    if ohem_threshold is not None:
        plain = _losses(coarse_logits.detach(), labels, valid, align_corners)
        valid = valid & is_hard(plain, valid, ohem_threshold, ohem_min_kept)
    target = torch.where(valid, labels, 0).to(torch.int64)
    # A pixel's loss is hit · -log p_y + Σ_c spread_c · -log p_c.
    shares = valid.to(dtype) if weights is None else valid * weights[target]
    hit = shares * (1 - label_smoothing)
    spread = None
    if label_smoothing > 0:
        ones = coarse_logits.new_ones(num_classes, dtype=dtype)
        spread = (ones if weights is None else weights) * (label_smoothing / num_classes)
    total = _Strips.apply(coarse_logits, target, valid, hit, spread, align_corners)
    return total, shares.sum()


class _Strips(torch.autograd.Function):
    """Sum of the losses, [], and its gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        coarse_logits: Tensor,
        target: Tensor,
        valid: Tensor,
        hit: Tensor,
        spread: Tensor | None,
        align_corners: bool,
    ) -> Tensor:
        B, L, H, W = coarse_logits.shape
        size = (target.shape[1], target.shape[2])
        dtype, device = hit.dtype, coarse_logits.device
        coarse = coarse_logits.detach().contiguous().to(dtype)
        total = coarse.new_zeros(())
        grad = torch.zeros_like(coarse) if ctx.needs_input_grad[0] else None
        rows = interpolation_matrix(H, size[0], align_corners).to(device, dtype)  # [h, H]
        columns = interpolation_matrix(W, size[1], align_corners).to(device, dtype)  # [w, W]
        for start, stop in strips(size[0], B * L * size[1] * dtype.itemsize, device):
            logits = upsampled_rows(coarse, size, start, stop, align_corners=align_corners)
            log_p = torch.log_softmax(logits, dim=1)  # [B, L, r, w]
            true = target[:, None, start:stop]  # [B, 1, r, w]
            gain = hit[:, start:stop]  # [B, r, w]
            total -= (gain * log_p.gather(1, true)[:, 0]).sum()
            if spread is not None:
                mass = torch.einsum("blrw,l->brw", log_p, spread)
                total -= (mass * valid[:, start:stop]).sum()
            if grad is None:
                continue
            slope = log_p.exp_()
            pull = gain if spread is None else gain + spread.sum() * valid[:, start:stop]
            slope *= pull[:, None]
            slope.scatter_add_(1, true, -gain[:, None])
            if spread is not None:
                slope -= spread[:, None, None] * valid[:, None, start:stop]
            touched = rows[start:stop].any(0).nonzero().flatten()
            first, last = int(touched[0]), int(touched[-1]) + 1
            back = rows[start:stop, first:last].mT @ slope  # [B, L, last - first, w]
            grad[:, :, first:last] += back @ columns
        ctx.save_for_backward(grad)
        ctx.dtype = coarse_logits.dtype
        return total

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        if torch.is_grad_enabled():  # create_graph=True
            raise RuntimeError(
                "upsampled_cross_entropy: the eager form has no second derivatives; take "
                "impl='reference' for them."
            )
        (grad,) = ctx.saved_tensors
        return (grad * slope).to(ctx.dtype), None, None, None, None, None


def _losses(coarse_logits: Tensor, labels: Tensor, valid: Tensor, align_corners: bool) -> Tensor:
    """-log of the probability of the true class of each pixel, [B, h, w]."""
    B, L = coarse_logits.shape[:2]
    dtype = sum_dtype(coarse_logits.dtype)
    size = (labels.shape[1], labels.shape[2])
    target = torch.where(valid, labels, 0).to(torch.int64)
    losses = coarse_logits.new_empty(labels.shape, dtype=dtype)
    for start, stop in strips(size[0], B * L * size[1] * dtype.itemsize, coarse_logits.device):
        logits = upsampled_rows(coarse_logits, size, start, stop, align_corners=align_corners)
        true = logits.gather(1, target[:, None, start:stop])[:, 0]
        losses[:, start:stop] = logits.logsumexp(1) - true
    return losses
