"""Which codeword each pixel belongs to: the weights of an encoding, for pictures of it."""

from __future__ import annotations

import torch
from torch import Tensor

from contextseg.ops.dispatch import without_autocast
from contextseg.ops.encode import check_inputs, eager, products


@torch.no_grad()
def soft_assignment(features: Tensor, codewords: Tensor, smoothing: Tensor) -> Tensor:
    """The weights a of `contextseg.ops.encode`. Not differentiable.

    Args:
        features: pixel features x, [B, N, C], floating point, any strides.
        codewords: codewords d, [K, C].
        smoothing: smoothing factors s, [K].

    Returns:
        [B, N, K], in 0 to 1, adding up to 1 over the codewords; float32 (float64 if any input is).

    Raises:
        ValueError: shapes do not fit.
        TypeError: an input is not floating point.
    """
    check_inputs(features, codewords, smoothing)
    with without_autocast(features):
        dtype = products.result_dtype(features, codewords, smoothing)
        book = products.codebook(codewords, smoothing, dtype)
        size = (*features.shape[:2], codewords.shape[0])
        assignment = features.new_empty(size, dtype=dtype)
        for tile in eager.tiles(features):
            assignment[tile], _ = products.assign(features[tile] - book.centre, book)
    return assignment
