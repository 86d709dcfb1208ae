"""Affinity loss: does the prior tell which pixels share a class?"""

from __future__ import annotations

from torch import Tensor

from contextseg.losses.mean import mean_over_processes
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
    unary, precision, recall, specificity = (
        mean_over_processes(term * count, count)
        for term, count in zip(terms[:4], terms.counts, strict=True)
    )
    return unary_weight * unary + global_weight * (precision + recall + specificity)
