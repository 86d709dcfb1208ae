"""Context through a prior that only ever exists a tile at a time, forward and backward.

Both directions are functions and, for a compiler, operators of PyTorch: see `moments`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from contextseg.ops.context_prior.products import add_product, linear
from contextseg.ops.dispatch import refuse_second_derivatives

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input

TILE_SIDE = {"cpu": 768, "cuda": 4096}
"""Most queries and keys of a tile: what a cache holds on a CPU, what keeps a GPU busy."""


def forward(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    values: Tensor,
    labels: Tensor | None,
    key_labels: Tensor | None,
    key_valid: Tensor | None,
    groups: int,
    own: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Intra- and inter-class context, and four sums over each row of the prior.

    Args:
        features: [B, N, C], any strides and floating dtype.
        weight: [M, C // groups], normalisation folded in, in the dtype to compute in.
        bias: [M], likewise.
        values: [B, M, D], any strides and floating dtype.
        labels: of queries, [B, N], in the dtype of `weight`; None for no sums.
        key_labels: of keys, [B, M], likewise; unlike every query's where the key is ignored.
        key_valid: 1 for keys that count in the sums and 0 for others, [B, M], likewise.
        groups: groups of channels, each for M // groups keys.
        own: a query is also the key of its number; its own pair is the fourth sum.

    Returns:
        intra, inter: [B, N, D], in the dtype and layout of `values`.
        sums: [4, B, N], or [0, B, N] without labels. With A = 1 where the labels of the pair are
            equal and l the logits: Σ A P, Σ P, Σ softplus(l) - A l over the keys that count, and
            P of the own pair (0 without `own`).
    """
    (B, N, _), (M, D) = features.shape, values.shape[1:]
    intra, inter = new_context(values, N, weight.dtype).zero_(), new_context(values, N)
    sums = weight.new_zeros((4 if labels is not None else 0, B, N))
    share = 1 / max(M, 1)
    with torch.autocast(weight.device.type, enabled=False):
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


forward_op = torch.library.custom_op("contextseg::context_prior_tiles", forward, mutates_args=())


@forward_op.register_fake
def _(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    values: Tensor,
    labels: Tensor | None,
    key_labels: Tensor | None,
    key_valid: Tensor | None,
    groups: int,
    own: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    B, N, _ = features.shape
    sums = weight.new_empty((4 if labels is not None else 0, B, N))
    return new_context(values, N), new_context(values, N), sums


def backward(
    grad_intra: Tensor,
    grad_inter: Tensor,
    grad_sums: Tensor,
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    values: Tensor,
    labels: Tensor | None,
    key_labels: Tensor | None,
    key_valid: Tensor | None,
    groups: int,
    own: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of features, weight, bias and values: the prior is made again, tile by tile."""
    (B, N, _), M = features.shape, values.shape[1]
    dtype, share = weight.dtype, 1 / max(M, 1)
    grad_features = torch.zeros_like(features, dtype=dtype)
    grad_values = torch.zeros_like(values, dtype=dtype)
    grad_weight, grad_bias = torch.zeros_like(weight), torch.zeros_like(bias)
    with torch.autocast(weight.device.type, enabled=False):
        most, most_keys = tile_shape(weight, N, groups)
        buffers = weight.new_empty((3, most * most_keys))
        for b in range(B):
            x, v = features[b].to(dtype), values[b].to(dtype)
            grad_v = grad_values[b].add_(grad_inter[b].sum(0, dtype=dtype), alpha=share)
            for rows in spans(N, most):
                slope = grad_intra[b, rows].to(dtype) - grad_inter[b, rows].to(dtype)
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
                        valid, (positive, total, unary) = key_valid[b, keys], grad_sums[:3, b, rows]
                        same = same_class(labels[b, rows], key_labels[b, keys], third)
                        torch.mul(same, positive[:, None], out=grad)
                        grad.addcmul_(total[:, None], valid)
                        if own:
                            found, diagonal = own_pairs(grad, rows, keys)
                            diagonal += grad_sums[3, b, found]
                        add_product(grad, slope, v[keys].T)
                        sigmoid_backward(grad, prior, grad_input=grad)
                        grad.addcmul_(prior.mul_(valid).sub_(same), unary[:, None])
                    add_product(grad_weight[keys], grad.T, x[rows, channels])
                    grad_bias[keys] += grad.sum(0)
                    add_product(grad_x[:, channels], grad, weight[keys])
    return (
        grad_features.to(features.dtype),
        grad_weight,
        grad_bias,
        grad_values.to(values.dtype),
    )


backward_op = torch.library.custom_op(
    "contextseg::context_prior_tiles_backward", backward, mutates_args=()
)


@backward_op.register_fake
def _(
    grad_intra: Tensor,
    grad_inter: Tensor,
    grad_sums: Tensor,
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    values: Tensor,
    labels: Tensor | None,
    key_labels: Tensor | None,
    key_valid: Tensor | None,
    groups: int,
    own: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        torch.empty_like(features),
        torch.empty_like(weight),
        torch.empty_like(bias),
        torch.empty_like(values),
    )


class Tiles(torch.autograd.Function):
    """`forward` with the gradients of `backward`; takes the same arguments."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, ...]:  # type: ignore[override]
        *tensors, ctx.groups, ctx.own = inputs
        ctx.save_for_backward(*tensors)
        return (forward_op if torch.compiler.is_compiling() else forward)(*inputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        if torch.is_grad_enabled():  # create_graph=True
            refuse_second_derivatives("context_prior")
        run = backward_op if torch.compiler.is_compiling() else backward
        arguments: tuple[Any, ...] = (*grads, *ctx.saved_tensors, ctx.groups, ctx.own)
        found = run(*arguments)
        return *found, None, None, None, None, None


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


def new_context(values: Tensor, N: int, dtype: torch.dtype | None = None) -> Tensor:
    """Room for N rows of context, [B, N, D], laid out as `values`."""
    B, _, D = values.shape
    if values.stride(1) == 1 and values.stride(2) != 1:  # a view of [B, D, H, W]
        return values.new_empty((B, D, N), dtype=dtype).mT
    return values.new_empty((B, N, D), dtype=dtype)


def tile_shape(weight: Tensor, N: int, groups: int) -> tuple[int, int]:
    """Most queries and keys of a tile: a square, or longer where a group has few keys."""
    side = TILE_SIDE.get(weight.device.type, TILE_SIDE["cuda"])
    keys = max(1, min(side, weight.shape[0] // groups))
    return max(1, min(side * side // keys, 4 * side, N)), keys


def part(buffer: Tensor, rows: slice, keys: slice) -> Tensor:
    """A contiguous tile at the start of a buffer."""
    shape = rows.stop - rows.start, keys.stop - keys.start
    return buffer[: shape[0] * shape[1]].view(shape)


def spans(length: int, most: int) -> Iterator[slice]:
    """Slices of about equal size that cover `length`, none longer than `most`."""
    number = -(-length // most)
    for i in range(number):
        yield slice(i * length // number, (i + 1) * length // number)


def key_spans(weight: Tensor, groups: int, most: int) -> Iterator[tuple[slice, slice]]:
    """Slices of keys within one group, with the channels that the group reads."""
    keys, width = weight.shape[0] // groups, weight.shape[1]
    for group in range(groups):
        for span in spans(keys, most):
            found = slice(group * keys + span.start, group * keys + span.stop)
            yield found, slice(group * width, (group + 1) * width)


def own_pairs(tile: Tensor, rows: slice, keys: slice) -> tuple[slice, Tensor]:
    """Queries of a tile that are among its keys, and a view of the tile at these pairs."""
    found = slice(max(rows.start, keys.start), min(rows.stop, keys.stop))
    if found.start >= found.stop:
        return slice(0, 0), tile.new_empty(0)
    block = tile[found.start - rows.start : found.stop - rows.start]
    return found, block[:, found.start - keys.start : found.stop - keys.start].diagonal()
