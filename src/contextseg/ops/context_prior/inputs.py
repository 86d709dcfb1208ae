"""The arguments of the context prior as one value, and its passes as operators of PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from contextseg.ops.context_prior.affinity import Diagonal, Void
from contextseg.ops.context_prior.norm import PriorNorm


class PriorInputs(NamedTuple):
    """What each form of `context_prior` takes; all of it fits."""

    features: Tensor
    """[B, N, C]; this and the next are described in `context_prior`."""
    weight: Tensor
    """[M, C // groups]."""
    norm: PriorNorm
    values: Tensor
    """[B, M, D]."""
    labels: tuple[Tensor, Tensor] | None
    """Of queries [B, N] and of keys [B, M]; None for no affinity terms."""
    groups: int
    void: Void
    diagonal: Diagonal
    ignore_index: int


class FoldedInputs(NamedTuple):
    """What contexts and sums follow from once the batch norm is folded into the weights.

    The fields are also the arguments of the operators, in this order: PyTorch's operators take
    tensors and numbers, but no tuples of both.
    """

    features: Tensor
    """[B, N, C], any strides and floating dtype."""
    weight: Tensor
    """[M, C // groups], normalisation folded in, in the dtype to compute in."""
    bias: Tensor
    """[M], likewise."""
    values: Tensor
    """[B, M, D], any strides and floating dtype."""
    labels: Tensor | None
    """Of queries, [B, N], in the dtype of `weight`; None for no sums."""
    key_labels: Tensor | None
    """Of keys, [B, M], likewise; unlike every query's where the key is ignored."""
    key_valid: Tensor | None
    """1 for keys that count in the sums and 0 for others, [B, M], likewise."""
    groups: int
    """Groups of channels, each for M // groups keys."""
    own: bool
    """A query is also the key of its number; its own pair is the fourth sum."""


class ContextGrads(NamedTuple):
    """Gradients with respect to the outputs of a forward pass, in the shapes of the outputs."""

    intra: Tensor
    inter: Tensor
    sums: Tensor


FORWARD = (
    "Tensor features, Tensor weight, Tensor bias, Tensor values, Tensor? labels, "
    "Tensor? key_labels, Tensor? key_valid, SymInt groups, bool own"
)
BACKWARD = f"Tensor grad_intra, Tensor grad_inter, Tensor grad_sums, {FORWARD}"


def forward_operator(name: str, run: Callable[..., Any], options: str = "") -> Any:
    """`run` as an operator of PyTorch that takes the fields of its first argument one by one.

    Args:
        name: of the operator, in the namespace `contextseg`.
        run: takes `FoldedInputs` and the options; gives what `new_outputs` makes room for.
        options: further arguments, as an operator's schema has them.
    """
    count = len(FoldedInputs._fields)
    operator = torch.library.custom_op(
        f"contextseg::{name}",
        lambda *flat: run(FoldedInputs(*flat[:count]), *flat[count:]),
        mutates_args=(),
        schema=f"({FORWARD}{options}) -> (Tensor, Tensor, Tensor)",
    )
    operator.register_fake(lambda *flat: new_outputs(FoldedInputs(*flat[:count])))
    return operator


def backward_operator(name: str, run: Callable[..., Any], options: str = "") -> Any:
    """The same for a backward, which takes `ContextGrads` first and gives four gradients."""
    first = len(ContextGrads._fields)
    last = first + len(FoldedInputs._fields)
    operator = torch.library.custom_op(
        f"contextseg::{name}",
        lambda *flat: run(
            ContextGrads(*flat[:first]), FoldedInputs(*flat[first:last]), *flat[last:]
        ),
        mutates_args=(),
        schema=f"({BACKWARD}{options}) -> (Tensor, Tensor, Tensor, Tensor)",
    )
    operator.register_fake(lambda *flat: tuple(map(torch.empty_like, flat[first : first + 4])))
    return operator


def new_outputs(inputs: FoldedInputs) -> tuple[Tensor, Tensor, Tensor]:
    """Room for intra- and inter-class context and sums."""
    B, N, _ = inputs.features.shape
    sums = inputs.weight.new_empty((0 if inputs.labels is None else 4, B, N))
    return new_context(inputs.values, N), new_context(inputs.values, N), sums


def new_context(values: Tensor, N: int, dtype: torch.dtype | None = None) -> Tensor:
    """Room for N rows of context, [B, N, D], laid out as `values`."""
    B, _, D = values.shape
    if values.stride(1) == 1 and values.stride(2) != 1:  # a view of [B, D, H, W]
        return values.new_empty((B, D, N), dtype=dtype).mT
    return values.new_empty((B, N, D), dtype=dtype)
