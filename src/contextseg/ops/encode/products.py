"""The matrix products of an encoding and of its gradients, for any number of pixels.

|x - d|² is expanded into |x|² - 2 x·d + |d|², where rounding takes its share of the terms, not of
their sum. So x and d are measured from the mean of the codewords: about it neither is longer than
the distance plus the radius of the codebook, wherever the origin is.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype


class Codebook(NamedTuple):
    """Codewords about their mean, in the dtype of the sums."""

    centre: Tensor
    """Mean codeword, [C]."""
    codewords: Tensor
    """Codewords minus their mean, [K, C]."""
    smoothing: Tensor
    """Smoothing factors, [K]."""


class Gradients(NamedTuple):
    """Gradients of a tile's encoders; None where nobody needs them."""

    features: Tensor | None
    """[..., n, C]"""
    codewords: Tensor | None
    """[..., K, C]"""
    smoothing: Tensor | None
    """[..., K]"""


def encode(features: Tensor, codewords: Tensor, smoothing: Tensor) -> Tensor:
    """Residual encoders [B, K, C] in differentiable operators, all pixels at once."""
    dtype = result_dtype(features, codewords, smoothing)
    book = codebook(codewords, smoothing, dtype)
    x = features.to(dtype) - book.centre  # [B, N, C]
    return aggregate(x, assign(x, book)[0], book)


def result_dtype(*inputs: Tensor) -> torch.dtype:
    """float32, or float64 if any input is."""
    dtype = torch.float32
    for tensor in inputs:
        dtype = torch.promote_types(dtype, sum_dtype(tensor.dtype))
    return dtype


def codebook(codewords: Tensor, smoothing: Tensor, dtype: torch.dtype) -> Codebook:
    """Centre codewords [K, C]."""
    codewords = codewords.to(dtype)
    centre = codewords.mean(0)
    return Codebook(centre, codewords - centre, smoothing.to(dtype))


def assign(x: Tensor, book: Codebook) -> tuple[Tensor, Tensor]:
    """Soft assignment and squared distances, [..., n, K], of centred pixels [..., n, C]."""
    squares = x.square().sum(-1, keepdim=True) + book.codewords.square().sum(-1)
    distances = torch.sub(squares, dots(x, book.codewords), alpha=2)
    return torch.softmax(-book.smoothing * distances, dim=-1), distances


def aggregate(x: Tensor, assignment: Tensor, book: Codebook) -> Tensor:
    """Residuals summed by assignment, [..., K, C]."""
    mass = assignment.sum(-2)  # [..., K], pixels that each codeword holds
    return weighted_sums(x, assignment) - mass[..., None] * book.codewords


def is_column_major(x: Tensor) -> bool:
    """Whether pixels lie side by side in memory, as in the view of a contiguous feature map."""
    return x.stride(-2) == 1 and x.stride(-1) != 1


def dots(x: Tensor, rows: Tensor) -> Tensor:
    """Products of pixels [..., n, C] with rows [..., K, C], as [..., n, K]."""
    if is_column_major(x):  # the same product, in the order for which x needs no rearrangement
        return (rows @ x.mT).mT.contiguous()
    return x @ rows.mT


def weighted_sums(x: Tensor, weights: Tensor) -> Tensor:
    """Pixels [..., n, C] summed by weights [..., n, K], as [..., K, C]."""
    return (x.mT @ weights).mT if is_column_major(x) else weights.mT @ x


def gradients(
    slope: Tensor,
    x: Tensor,
    assignment: Tensor,
    distances: Tensor | None,
    book: Codebook,
    needed: tuple[bool, ...],
) -> Gradients:
    """What centred pixels contribute to each gradient.

    Args:
        slope: gradient of the encoders, [..., K, C].
        x: centred pixels, [..., n, C].
        assignment: their soft assignment, [..., n, K].
        distances: their squared distances, [..., n, K]; only the gradient of smoothing needs them.
        book: the codewords.
        needed: whether features, codewords and smoothing need theirs.
    """
    d, s = book.codewords, book.smoothing
    by_assignment = dots(x, slope) - (slope * d).sum(-1)[..., None, :]  # [..., n, K]
    mean = (assignment * by_assignment).sum(-1, keepdim=True)
    by_scores = assignment * (by_assignment - mean)  # scores are -s_k |x - d_k|²
    pull = 2 * s * by_scores  # [..., n, K], how hard x is pulled towards d_k
    features = codewords = smoothing = None
    if needed[0]:
        targets = torch.cat([slope, d.expand_as(slope)], dim=-2)  # [..., 2 K, C]
        weights = torch.cat([assignment, pull], dim=-1)  # [..., n, 2 K]
        # In the layout of x.
        features = (targets.mT @ weights.mT).mT if is_column_major(x) else weights @ targets
        features = features.addcmul_(pull.sum(-1, keepdim=True), x, value=-1)
    if needed[1]:
        mass, force = assignment.sum(-2)[..., None], pull.sum(-2)[..., None]  # [..., K, 1]
        codewords = weighted_sums(x, pull) - force * d - mass * slope
    if needed[2]:
        assert distances is not None
        smoothing = -(by_scores * distances).sum(-2)
    return Gradients(features, codewords, smoothing)


def backward(
    slope: Tensor,
    features: Tensor,
    codewords: Tensor,
    smoothing: Tensor,
    needed: tuple[bool, ...],
) -> tuple[Tensor | None, ...]:
    """Gradients of the inputs that need one, all pixels at once and from the inputs alone.

    In differentiable operators: the gradient of the gradient is PyTorch's.
    """
    inputs = (features, codewords, smoothing)
    book = codebook(codewords, smoothing, slope.dtype)
    x = features.to(slope.dtype) - book.centre
    part = gradients(slope, x, *assign(x, book), book, needed)
    return tuple(
        None if grad is None else grad.sum_to_size(given.shape).to(given.dtype)
        for grad, given in zip(part, inputs, strict=True)
    )
