"""Encoding tile by tile of pixels, with the backward written by hand.

A tile stays in the cache while all that needs it is computed: a forward reads the features from
memory once, a backward reads them and writes their gradient once, and besides these only two
tensors [B, N, K] are kept.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from contextseg.ops.dispatch import exporting, without_autocast
from contextseg.ops.encode import products

TILE_BYTES = 2**22
"""Bytes of a tile of features on a CPU: fits in a cache, and is enough work to parallelise."""

Tile = tuple[int | slice, slice]


def encode(features: Tensor, codewords: Tensor, smoothing: Tensor) -> Tensor:
    """Residual encoders [B, K, C]; see `contextseg.ops.encode`."""
    inputs = (features, codewords, smoothing)
    if exporting():
        return products.encode(*inputs)
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs):
        return _Encode.apply(*inputs)
    return _forward(*inputs, None, None)


def tiles(features: Tensor) -> list[Tile]:
    """Which images and pixels are computed at a time: few on a CPU, elsewhere all."""
    B, N, C = features.shape
    if features.device.type != "cpu" or torch.compiler.is_compiling():
        return [(slice(None), slice(None))]
    pixels = max(1, TILE_BYTES // max(1, 4 * C))
    starts = range(0, N, pixels)
    return [(image, slice(start, start + pixels)) for image in range(B) for start in starts]


def _forward(
    features: Tensor,
    codewords: Tensor,
    smoothing: Tensor,
    assignment: Tensor | None,
    distances: Tensor | None,
) -> Tensor:
    """Encoders; writes assignment and distances if given tensors for them."""
    dtype = products.result_dtype(features, codewords, smoothing)
    book = products.codebook(codewords, smoothing, dtype)
    encoders = features.new_zeros((features.shape[0], *codewords.shape), dtype=dtype)
    for tile in tiles(features):
        x = features[tile] - book.centre  # [..., n, C], in the dtype of the sums
        a, squares = products.assign(x, book)
        encoders[tile[0]] += products.aggregate(x, a, book)
        if assignment is not None:
            assignment[tile] = a
        if distances is not None:
            distances[tile] = squares
    return encoders


class _Encode(torch.autograd.Function):
    """Encoders [B, K, C] and their gradients."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, codewords: Tensor, smoothing: Tensor) -> Tensor:
        dtype = products.result_dtype(features, codewords, smoothing)
        size = (*features.shape[:2], codewords.shape[0])
        assignment = features.new_empty(size, dtype=dtype)
        distances = torch.empty_like(assignment) if ctx.needs_input_grad[2] else None
        encoders = _forward(features, codewords, smoothing, assignment, distances)
        ctx.save_for_backward(features, codewords, smoothing, assignment, distances)
        return encoders

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        features, codewords, smoothing, assignment, distances = ctx.saved_tensors
        inputs, needed = (features, codewords, smoothing), ctx.needs_input_grad
        with without_autocast(slope):
            if torch.is_grad_enabled():  # create_graph=True: the gradient is differentiated again
                return products.backward(slope, *inputs, needed)
            return _backward(slope, inputs, assignment, distances, needed)


def _backward(
    slope: Tensor,
    inputs: tuple[Tensor, Tensor, Tensor],
    assignment: Tensor,
    distances: Tensor | None,
    needed: tuple[bool, ...],
) -> tuple[Tensor | None, ...]:
    """Gradients of the inputs that need one, in their dtypes."""
    features, codewords, smoothing = inputs
    book = products.codebook(codewords, smoothing, slope.dtype)
    grad_features = torch.empty_like(features) if needed[0] else None
    grad_codewords = torch.zeros_like(book.codewords) if needed[1] else None
    grad_smoothing = torch.zeros_like(book.smoothing) if needed[2] else None
    for tile in tiles(features):
        x = features[tile] - book.centre
        squares = None if distances is None else distances[tile]
        part = products.gradients(slope[tile[0]], x, assignment[tile], squares, book, needed)
        if grad_features is not None and part.features is not None:
            grad_features[tile] = part.features
        if grad_codewords is not None and part.codewords is not None:
            grad_codewords += part.codewords.sum_to_size(grad_codewords.shape)
        if grad_smoothing is not None and part.smoothing is not None:
            grad_smoothing += part.smoothing.sum_to_size(grad_smoothing.shape)
    grads = (grad_features, grad_codewords, grad_smoothing)
    return tuple(
        None if grad is None else grad.to(given.dtype)
        for grad, given in zip(grads, inputs, strict=True)
    )
