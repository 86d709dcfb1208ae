"""Context through a prior that only ever exists a tile at a time, forward and backward.

Both directions are functions and, for a compiler, operators of PyTorch: see `moments`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from contextseg.ops.context_prior.inputs import (
    ContextGrads,
    FoldedInputs,
    backward_operator,
    forward_operator,
    new_context,
)
from contextseg.ops.context_prior.products import add_product, linear
from contextseg.ops.context_prior.tiling import key_spans, own_pairs, part, spans, tile_shape
from contextseg.ops.dispatch import refuse_second_derivatives, without_autocast

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input


def forward(inputs: FoldedInputs) -> tuple[Tensor, Tensor, Tensor]:
    """Intra- and inter-class context, and four sums over each row of the prior.

    Returns:
        intra, inter: [B, N, D], in the dtype and layout of the values.
        sums: [4, B, N], or [0, B, N] without labels. With A = 1 where the labels of the pair are
            equal and l the logits: Σ A P, Σ P, Σ softplus(l) - A l over the keys that count, and
            P of the own pair (0 without `own`).
    """
    features, weight, bias, values, labels, key_labels, key_valid, groups, own = inputs
    (B, N, _), (M, D) = features.shape, values.shape[1:]
    intra, inter = new_context(values, N, weight.dtype).zero_(), new_context(values, N)
    sums = weight.new_zeros((4 if labels is not None else 0, B, N))
    share = 1 / max(M, 1)
    with without_autocast(weight):
        most, most_keys = tile_shape(weight, N, groups)
        buffers = weight.new_empty((2, most * most_keys))
        for b in range(B):
            x, v = features[b].to(weight.dtype), values[b].to(weight.dtype)
            mean = v.mean(0) if M else v.new_zeros(D)
            for rows in spans(N, most):
                near = intra[b, rows]
                for keys, channels in key_spans(weight, groups, most_keys):
                    tile, other = (part(buffer, rows, keys) for buffer in buffers)
                    logits = linear(x[rows, channels], weight[keys], bias[keys], tile)
                    if labels is None or key_labels is None or key_valid is None:
                        prior = logits.sigmoid_()
                    else:
                        pairs = labels[b, rows], key_labels[b, keys], key_valid[b, keys]
                        prior = add_sums(logits, *pairs, sums[:3, b, rows], other)
                    if own:
                        found, diagonal = own_pairs(prior, rows, keys)
                        sums[3, b, found] = diagonal
                    add_product(near, prior, v[keys], share)
                inter[b, rows] = mean - near
    return intra.to(values.dtype), inter, sums


def backward(grads: ContextGrads, inputs: FoldedInputs) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of features, weight, bias and values: the prior is made again, tile by tile."""
    features, weight, bias, values, labels, key_labels, key_valid, groups, own = inputs
    (B, N, _), M = features.shape, values.shape[1]
    dtype, share = weight.dtype, 1 / max(M, 1)
    grad_features = torch.zeros_like(features, dtype=dtype)
    grad_values = torch.zeros_like(values, dtype=dtype)
    grad_weight, grad_bias = torch.zeros_like(weight), torch.zeros_like(bias)
    with without_autocast(weight):
        most, most_keys = tile_shape(weight, N, groups)
        buffers = weight.new_empty((3, most * most_keys))
        for b in range(B):
            x, v = features[b].to(dtype), values[b].to(dtype)
            grad_v = grad_values[b].add_(grads.inter[b].sum(0, dtype=dtype), alpha=share)
            for rows in spans(N, most):
                slope = grads.intra[b, rows].to(dtype) - grads.inter[b, rows].to(dtype)
                slope *= share
                grad_x = grad_features[b, rows]
                for keys, channels in key_spans(weight, groups, most_keys):
                    tile, grad, third = (part(buffer, rows, keys) for buffer in buffers)
                    prior = linear(x[rows, channels], weight[keys], bias[keys], tile)
                    prior.sigmoid_()
                    add_product(grad_v[keys], prior.T, slope)
                    if labels is None or key_labels is None or key_valid is None:
                        grad = linear(slope, v[keys], None, grad)
                        sigmoid_backward(grad, prior, grad_input=grad)
                    else:
                        valid, (positive, total, unary) = (
                            key_valid[b, keys],
                            grads.sums[:3, b, rows],
                        )
                        same = same_class(labels[b, rows], key_labels[b, keys], third)
                        torch.mul(same, positive[:, None], out=grad)
                        grad.addcmul_(total[:, None], valid)
                        if own:
                            found, diagonal = own_pairs(grad, rows, keys)
                            diagonal += grads.sums[3, b, found]
                        add_product(grad, slope, v[keys].T)
                        sigmoid_backward(grad, prior, grad_input=grad)
                        grad.addcmul_(prior.mul_(valid).sub_(same), unary[:, None])
                    add_product(grad_weight[keys], grad.T, x[rows, channels])
                    grad_bias[keys] += grad.sum(0)
                    add_product(grad_x[:, channels], grad, weight[keys])
    grad_features, grad_values = grad_features.to(features.dtype), grad_values.to(values.dtype)
    return grad_features, grad_weight, grad_bias, grad_values


forward_op = forward_operator("context_prior_tiles", forward)
backward_op = backward_operator("context_prior_tiles_backward", backward)


class _Tiles(torch.autograd.Function):
    """`forward` of the fields of `FoldedInputs`, with the gradients of `backward`."""

    @staticmethod
    def forward(ctx: Any, *flat: Any) -> tuple[Tensor, ...]:  # type: ignore[override]
        *tensors, ctx.groups, ctx.own = flat
        ctx.save_for_backward(*tensors)
        return forward_op(*flat) if torch.compiler.is_compiling() else forward(FoldedInputs(*flat))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        if torch.is_grad_enabled():  # create_graph=True
            refuse_second_derivatives("context_prior")
        flat: tuple[Any, ...] = (*ctx.saved_tensors, ctx.groups, ctx.own)
        if torch.compiler.is_compiling():
            found = backward_op(*grads, *flat)
        else:
            found = backward(ContextGrads(*grads), FoldedInputs(*flat))
        return *found, None, None, None, None, None


def contexts(inputs: FoldedInputs) -> tuple[Tensor, Tensor, Tensor]:
    """What `forward` gives, differentiably."""
    return _Tiles.apply(*inputs)


def add_sums(
    logits: Tensor, labels: Tensor, key_labels: Tensor, valid: Tensor, sums: Tensor, room: Tensor
) -> Tensor:
    """Add a tile's part to the sums over rows [3, rows], and make its logits the prior."""
    sums[2] += torch.clamp(logits, min=0, out=room) @ valid
    same = same_class(labels, key_labels, room)
    sums[2] -= torch.linalg.vecdot(same, logits)
    prior = logits.sigmoid_()
    sums[0] += torch.linalg.vecdot(same, prior)
    sums[1] += prior @ valid
    # softplus(l) = max(l, 0) - log max(P, 1 - P), which is cheaper than log1p.
    sums[2] -= torch.sub(prior, 0.5, out=room).abs_().add_(0.5).log_() @ valid
    return prior


def same_class(labels: Tensor, key_labels: Tensor, room: Tensor) -> Tensor:
    """The ideal affinity of a tile, 0 or 1, written into `room`."""
    return torch.eq(labels[:, None], key_labels, out=room)
