"""Context prior and affinity loss without the prior: tiles, and statistics from the covariance."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from contextseg.ops.context_prior import affinity, tiles
from contextseg.ops.context_prior.affinity import AffinityTerms
from contextseg.ops.context_prior.inputs import FoldedInputs, PriorInputs
from contextseg.ops.context_prior.norm import fold, track
from contextseg.ops.dispatch import sum_dtype


def context_prior(
    inputs: PriorInputs,
    contexts: Callable[[FoldedInputs], tuple[Tensor, Tensor, Tensor]] = tiles.contexts,
    narrow: torch.dtype | None = None,
) -> tuple[Tensor, Tensor, AffinityTerms | None]:
    """Intra, inter, terms; see `contextseg.ops.context_prior`.

    `contexts` makes contexts and sums over rows, differentiably, as `tiles.contexts` does;
    `narrow` is the dtype in which it multiplies matrices, None for the dtype of its sums.
    """
    features, weight, norm, values, labels, groups, void, diagonal, ignore_index = inputs
    if norm.training:  # two gradients meet in the features: they are added before rounding
        features = features.to(sum_dtype(torch.promote_types(features.dtype, weight.dtype)))
    folded, bias, statistics = fold(features, weight, norm, groups, narrow)
    if labels is None:
        intra, inter, _ = contexts(
            FoldedInputs(features, folded, bias, values, None, None, None, groups, False)
        )
        track(norm, statistics)
        return intra, inter, None
    dtype = folded.dtype
    asked, held = (given.to(dtype) for given in labels)
    valid = torch.ones_like(held)
    if void == "mask":
        valid = (labels[1] != ignore_index).to(dtype)
        held = torch.where(valid > 0, held, torch.nan)  # equal to nothing
    own = diagonal == "remove"
    intra, inter, sums = contexts(
        FoldedInputs(features, folded, bias, values, asked, held, valid, groups, own)
    )
    track(norm, statistics)
    counts = affinity.count_pairs(*labels, ignore_index, void, diagonal, dtype)
    positive, total, unary, own_pair = sums.unbind()
    return intra, inter, affinity.terms(positive, total, unary, own_pair, counts, void)
