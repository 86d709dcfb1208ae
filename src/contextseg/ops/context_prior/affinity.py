"""The four terms of the affinity loss, from sums over rows of the prior."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

Void = Literal["mask", "as_class"]
Diagonal = Literal["keep", "remove"]

CLAMP = 100.0
"""-log of a ratio of 0, as PyTorch's binary cross-entropy has it."""


class AffinityTerms(NamedTuple):
    """Means of the four terms; the affinity loss is their sum, or a weighted one."""

    unary: Tensor
    """Binary cross-entropy of a pair, [], differentiable."""
    precision: Tensor
    """-log of the share of a query's prior that is on keys of its class, [], differentiable."""
    recall: Tensor
    """-log of the mean prior on keys of the query's class, [], differentiable."""
    specificity: Tensor
    """-log of the mean of 1 - prior on keys of other classes, [], differentiable."""
    counts: Tensor
    """Pairs or queries that each of the four is a mean over, [4]: over several processes, the mean
    is the sum of term · count divided by the sum of counts."""


class PairCounts(NamedTuple):
    """How many keys each query has; all [B, N] in the dtype of the sums."""

    valid: Tensor
    """1 for queries that count, 0 for others."""
    positives: Tensor
    """Keys of the query's class, without its own where the diagonal is removed."""
    negatives: Tensor
    """Keys of other classes."""
    pairs: Tensor
    """Keys that count, 0 for queries that do not."""


def count_pairs(
    labels: Tensor,
    key_labels: Tensor,
    ignore_index: int,
    void: Void,
    diagonal: Diagonal,
    dtype: torch.dtype,
) -> PairCounts:
    """Count by sorting, since a class may have any number.

    Args:
        labels: of queries, [B, N], integer.
        key_labels: of keys, [B, M], integer.
        ignore_index: label of void.
        void: `mask` leaves void out, `as_class` makes it a class.
        diagonal: whether a query's own pair counts among its positives.
        dtype: of the counts.
    """
    ordered = key_labels.to(torch.int64).sort(dim=1).values
    asked = labels.to(torch.int64).contiguous()
    same = torch.searchsorted(ordered, asked, right=True) - torch.searchsorted(ordered, asked)
    valid = torch.ones_like(asked, dtype=torch.bool)
    keys = torch.full_like(same[:, :1], key_labels.shape[1])
    if void == "mask":
        valid = labels != ignore_index
        keys = (key_labels != ignore_index).sum(1, keepdim=True)
    own = int(diagonal == "remove")
    zero = torch.zeros_like(same)
    return PairCounts(
        valid.to(dtype),
        torch.where(valid, same - own, zero).to(dtype),
        torch.where(valid, keys - same, zero).to(dtype),
        torch.where(valid, keys, zero).to(dtype),
    )


def terms(
    positive: Tensor, total: Tensor, unary: Tensor, own: Tensor, counts: PairCounts, void: Void
) -> AffinityTerms:
    """Terms from sums over the keys that count; all sums are [B, N].

    Args:
        positive: Σ P over keys of the query's class, its own among them.
        total: Σ P.
        unary: Σ of the binary cross-entropy of the pairs.
        own: P of the pair to take out of `positive`; 0 to keep it.
        counts: see `count_pairs`.
        void: `as_class` counts every query in every mean, `mask` those that have keys to ask.
    """
    tiny = torch.finfo(total.dtype).tiny
    found = positive - own
    spared = counts.negatives - (total - positive)
    have = counts.positives > 0, counts.positives > 0, counts.negatives > 0
    ratios = (
        found / torch.where(have[0], total, 1).clamp_min(tiny),
        found / torch.where(have[1], counts.positives, 1),
        spared / torch.where(have[2], counts.negatives, 1),
    )
    pairs = counts.pairs.sum()
    numbers, means = [pairs], []
    for ratio, has in zip(ratios, have, strict=True):
        costs = torch.where(has, cost(ratio), CLAMP)
        rows = torch.ones_like(ratio) if void == "as_class" else has.to(ratio.dtype)
        number = rows.sum()
        means.append((costs * rows).sum() / number.clamp_min(1))
        numbers.append(number)
    precision, recall, specificity = means
    mean_unary = (unary * counts.valid).sum() / pairs.clamp_min(1)
    return AffinityTerms(mean_unary, precision, recall, specificity, torch.stack(numbers))


def cost(ratio: Tensor) -> Tensor:
    """-log of ratios; those that rounding has made 0 cost 100 and have no gradient."""
    lost = ratio <= torch.finfo(ratio.dtype).tiny  # False for NaN, which must propagate
    return torch.where(lost, CLAMP, -torch.where(lost, 1.0, ratio).log())
