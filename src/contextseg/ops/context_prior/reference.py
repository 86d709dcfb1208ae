"""Context prior and affinity loss as one would write them, with the whole prior in memory."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.ops.context_prior.affinity import CLAMP, AffinityTerms, Diagonal, Void
from contextseg.ops.context_prior.inputs import PriorInputs
from contextseg.ops.context_prior.norm import PriorNorm
from contextseg.ops.dispatch import sum_dtype


def context_prior(inputs: PriorInputs) -> tuple[Tensor, Tensor, AffinityTerms | None]:
    """Intra, inter, terms; see `contextseg.ops.context_prior`."""
    features, weight, norm, values, labels, groups, void, diagonal, ignore_index = inputs
    if norm.shared():
        raise RuntimeError(
            "context_prior: impl='reference' takes the statistics of one process; with sync=True "
            "in several, use impl='eager'."
        )
    dtype = sum_dtype(torch.promote_types(features.dtype, weight.dtype))
    maps = features.to(dtype).mT  # [B, C, N]
    logits = F.conv1d(maps, weight.to(dtype)[:, :, None], groups=groups).mT  # [B, N, M]
    logits = normalise(logits, norm)
    prior = logits.sigmoid()  # [B, N, M]
    M, v = weight.shape[0], values.to(dtype)
    intra = prior @ v / max(M, 1)
    inter = (1 - prior) @ v / max(M, 1)
    terms = None
    if labels is not None:
        terms = affinity_terms(logits, *labels, void, diagonal, ignore_index)
    return intra.to(values.dtype), inter.to(values.dtype), terms


def normalise(logits: Tensor, norm: PriorNorm) -> Tensor:
    """Batch norm of each key over images and queries; moves the running statistics."""
    dtype = logits.dtype
    if not norm.training:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean, variance = norm.running_mean.to(dtype), norm.running_var.to(dtype)
    else:
        count = logits.shape[0] * logits.shape[1]
        mean = logits.sum((0, 1)) / max(count, 1)
        variance = (logits - mean).square().sum((0, 1)) / max(count, 1)
        if norm.running_mean is not None and norm.running_var is not None and count > 0:
            unbiased = variance * count / max(count - 1, 1)
            for running, value in ((norm.running_mean, mean), (norm.running_var, unbiased)):
                running.lerp_(value.detach().to(running.dtype), norm.momentum)
    normal = (logits - mean) / (variance + norm.eps).sqrt()
    return normal * norm.weight.to(dtype) + norm.bias.to(dtype)


def affinity_terms(
    logits: Tensor,
    labels: Tensor,
    key_labels: Tensor,
    void: Void,
    diagonal: Diagonal,
    ignore_index: int,
) -> AffinityTerms:
    """The terms by the ideal affinity map, [B, N, M]."""
    dtype, prior = logits.dtype, logits.sigmoid()
    same = (labels[:, :, None] == key_labels[:, None, :]).to(dtype)
    pairs = torch.ones_like(same)
    if void == "mask":
        pairs = (labels != ignore_index)[:, :, None] & (key_labels != ignore_index)[:, None, :]
        pairs = pairs.to(dtype)
    positives, negatives = same * pairs, (1 - same) * pairs
    if diagonal == "remove":
        positives = positives - torch.diag_embed(positives.diagonal(dim1=1, dim2=2))
    unary = F.binary_cross_entropy_with_logits(logits, same, weight=pairs, reduction="sum")
    number = pairs.sum()
    numbers, means = [number], []
    found = (prior * positives).sum(-1)
    for top, bottom, has in (
        (found, (prior * pairs).sum(-1), positives.sum(-1) > 0),
        (found, positives.sum(-1), positives.sum(-1) > 0),
        (((1 - prior) * negatives).sum(-1), negatives.sum(-1), negatives.sum(-1) > 0),
    ):
        lost = ~has | (top <= torch.finfo(dtype).tiny * bottom)
        ratio = torch.where(lost, 1.0, top) / torch.where(lost, 1.0, bottom)
        costs = torch.where(lost, CLAMP, -ratio.log())
        rows = torch.ones_like(has) if void == "as_class" else has
        numbers.append(rows.sum().to(dtype))
        means.append((costs * rows).sum() / numbers[-1].clamp_min(1))
    precision, recall, specificity = means
    unary = unary / number.clamp_min(1)
    return AffinityTerms(unary, precision, recall, specificity, torch.stack(numbers))
