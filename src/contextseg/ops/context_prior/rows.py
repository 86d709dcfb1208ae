"""Rows of the prior on demand: which pixels share a pixel's class."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from contextseg.ops.context_prior.norm import PriorNorm, fold
from contextseg.ops.dispatch import without_autocast


def prior_rows(
    features: Tensor, weight: Tensor, norm: PriorNorm, rows: Tensor | None = None, groups: int = 1
) -> Tensor:
    """Rows of the context prior, dense.

    Args:
        features: queries x, [B, N, C], floating point, any strides.
        weight: of the 1×1 convolution from features to keys, [M, C // groups].
        norm: batch norm of the M keys. While training, its statistics are of all N queries, as in
            `context_prior`; the running ones stay as they are.
        rows: numbers of the queries, [R], integer, in 0 to N - 1; None for all.
        groups: groups of the convolution.

    Returns:
        P, [B, R, M], in 0 to 1: row = the pixel asking. float32 or wider.
    """
    with without_autocast(features):
        folded, bias, _ = fold(features, weight, norm, groups)
        asking = features if rows is None else features[:, rows]
        asking = asking.to(folded.dtype)
        if groups == 1:
            return F.linear(asking, folded, bias).sigmoid()
        split = asking.unflatten(-1, (groups, -1)).movedim(2, 1)  # [B, groups, R, c]
        logits = split @ folded.unflatten(0, (groups, -1)).mT  # [B, groups, R, M / groups]
        return (logits.movedim(1, 2).flatten(2) + bias).sigmoid()
