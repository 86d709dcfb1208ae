"""Context prior and affinity loss without the prior: tiles, and statistics from the covariance."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from contextseg.ops.context_prior import affinity, tiles
from contextseg.ops.context_prior.affinity import AffinityTerms, Diagonal, Void
from contextseg.ops.context_prior.norm import PriorNorm, fold, track
from contextseg.ops.dispatch import sum_dtype


def context_prior(
    features: Tensor,
    weight: Tensor,
    norm: PriorNorm,
    values: Tensor,
    labels: tuple[Tensor, Tensor] | None,
    groups: int,
    void: Void,
    diagonal: Diagonal,
    ignore_index: int,
    attend: Callable[..., tuple[Tensor, Tensor, Tensor]] = tiles.Tiles.apply,
) -> tuple[Tensor, Tensor, AffinityTerms | None]:
    """Intra, inter, terms; see `contextseg.ops.context_prior`.

    `attend` makes contexts and sums over rows, differentiably, as `tiles.forward` does.
    """
    if norm.training:  # two gradients meet in the features: they add before they are rounded
        features = features.to(sum_dtype(torch.promote_types(features.dtype, weight.dtype)))
    folded, bias, statistics = fold(features, weight, norm, groups)
    if labels is None:
        intra, inter, _ = attend(features, folded, bias, values, None, None, None, groups, False)
        track(norm, statistics)
        return intra, inter, None
    dtype = folded.dtype
    asked, held = (given.to(dtype) for given in labels)
    valid = torch.ones_like(held)
    if void == "mask":
        valid = (labels[1] != ignore_index).to(dtype)
        held = torch.where(valid > 0, held, torch.nan)  # equal to nothing
    intra, inter, sums = attend(
        features, folded, bias, values, asked, held, valid, groups, diagonal == "remove"
    )
    track(norm, statistics)
    counts = affinity.count_pairs(*labels, ignore_index, void, diagonal, dtype)
    positive, total, unary, own = sums.unbind()
    return intra, inter, affinity.terms(positive, total, unary, own, counts, void)
