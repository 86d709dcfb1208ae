"""Affinity loss: does the prior tell which pixels share a class?"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from contextseg.losses.mean import Sum, means_over_processes
from contextseg.ops.context_prior import AffinityTerms


def affinity_loss(
    terms: AffinityTerms, unary_weight: float = 1.0, global_weight: float = 1.0
) -> Tensor:
    """Affinity loss: cross-entropy of pairs, and precision, recall and specificity of pixels.

    Each term is the mean over the pairs or the pixels of all processes.

    Args:
        terms: of the context prior.
        unary_weight: weight λ_u of the unary term.
        global_weight: weight λ_g of the sum of the other three.

    Returns:
        The loss, [], in float32 or wider.

    Source: Yu et al., CVPR 2020 (arXiv 2004.01547), section 3.2.
    """
    means = means_over_processes(affinity_sums(terms))
    return combined_affinity(means, unary_weight, global_weight)


def affinity_sums(terms: AffinityTerms) -> list[Sum]:
    """The sums of the unary term, precision, recall and specificity in this process."""
    return [Sum(term * count, count) for term, count in zip(terms[:4], terms.counts, strict=True)]


def combined_affinity(means: Sequence[Tensor], unary_weight: float, global_weight: float) -> Tensor:
    """The loss, [], from the means of the four terms."""
    unary, precision, recall, specificity = means
    return unary_weight * unary + global_weight * (precision + recall + specificity)
