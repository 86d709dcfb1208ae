"""Affinity loss in its compatibility mode: the values of the authors' code, constants included."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from contextseg.config import ContextPriorConfig, LossConfig, ModelConfig
from contextseg.losses import SegmentationLoss, affinity_loss
from contextseg.models.outputs import SegmentationOutput
from contextseg.ops.context_prior import AffinityTerms, PriorNorm, context_prior, prior_rows

OFFICIAL = {"void": "as_class", "diagonal": "remove"}


def by_authors(prior: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Their loss: void as an extra class, one-hot maps, denominators of 0 replaced by 1."""
    hot = F.one_hot(torch.where(labels == 255, classes, labels), classes + 1).to(prior.dtype)
    ideal = hot @ hot.mT
    others = ideal - torch.eye(ideal.shape[1], dtype=prior.dtype)

    def cost(top, bottom):
        ratio = top / torch.where(bottom > 0, bottom, torch.ones_like(bottom))
        return F.binary_cross_entropy(ratio, torch.ones_like(ratio))

    found = (prior * others).sum(2)
    recall, precision = cost(found, others.sum(2)), cost(found, prior.sum(2))
    specificity = cost(((1 - ideal) * (1 - prior)).sum(2), (1 - ideal).sum(2))
    return F.binary_cross_entropy(prior, ideal) + recall + specificity + precision


def ours(labels, features, weight, bias, **options) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of logits `features @ weight.T + bias`, and their prior."""
    zero, one = torch.zeros_like(bias), torch.ones_like(bias)
    norm = PriorNorm(one, bias, zero, one, eps=0.0)
    found = context_prior(features, weight, norm, features, labels, **options)
    return affinity_loss(found.affinity), prior_rows(features, weight, norm)


def half(labels) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of a prior of 0.5 everywhere."""
    batch, pixels = labels.shape
    wide = torch.zeros(pixels, dtype=torch.float64)
    return ours(labels, wide.expand(batch, pixels, pixels), torch.diag(wide), wide, **OFFICIAL)


MAPS = {
    "random": torch.randint(4, (2, 30), generator=torch.Generator().manual_seed(0)),
    "one class": torch.full((1, 9), 2),
    "all different": torch.arange(9)[None],
    "void counts": torch.tensor([[0, 0, 1, 255, 255, 255, 1, 0], [255, 3, 3, 3, 2, 2, 2, 2]]),
    "void alone": torch.full((2, 6), 255),
    "one and different": torch.stack([torch.zeros(9, dtype=torch.int64), torch.arange(9)]),
}


@pytest.mark.parametrize("name", MAPS)
def test_values_are_those_of_the_authors(name):
    labels, draw = MAPS[name], torch.Generator().manual_seed(1)
    pixels = labels.shape[1]
    features = torch.randn(*labels.shape, 5, dtype=torch.float64, generator=draw)
    weight = torch.randn(pixels, 5, dtype=torch.float64, generator=draw)
    bias = torch.randn(pixels, dtype=torch.float64, generator=draw)
    for loss, prior in (ours(labels, features, weight, bias, **OFFICIAL), half(labels)):
        expected = by_authors(prior, labels, 9)
        assert loss.item() == pytest.approx(expected.item(), rel=0, abs=1e-9)


def test_the_constants_of_degenerate_maps():
    assert half(MAPS["one class"])[0].item() == pytest.approx(101.50, abs=5e-3)
    assert half(MAPS["all different"])[0].item() == pytest.approx(201.39, abs=5e-3)


def test_the_floor_of_a_perfect_prior():
    labels = torch.tensor([[0] * 5 + [1] * 4])
    features = 60.0 * F.one_hot(labels, 2).double()
    weight, bias = F.one_hot(labels[0], 2).double(), torch.full((9,), -30.0, dtype=torch.float64)
    floor = (5 * math.log(5 / 4) + 4 * math.log(4 / 3)) / 9
    assert floor == pytest.approx(0.2518, abs=5e-5)
    assert ours(labels, features, weight, bias, **OFFICIAL)[0].item() == pytest.approx(floor)
    assert ours(labels, features, weight, bias)[0].item() < 1e-9  # as the paper writes it


def test_weights_of_the_terms():
    unary, precision, recall, specificity = torch.tensor([1.0, 2, 4, 8], requires_grad=True)
    counts = torch.tensor([5.0, 3, 3, 0])  # nothing that specificity could be a mean of
    terms = AffinityTerms(unary, precision, recall, specificity, counts)
    assert affinity_loss(terms, unary_weight=0.5, global_weight=2.0) == 0.5 + 2 * (2 + 4)
    assert affinity_loss(terms, global_weight=0.0) == 1
    output = SegmentationOutput(coarse_logits=torch.zeros(1, 3, 2, 2), size=(4, 4), affinity=terms)
    context = ContextPriorConfig(affinity_weight=0.3, unary_weight=2.0)
    loss = SegmentationLoss.from_config(ModelConfig(num_classes=3, context=context), LossConfig())
    found = loss(output, torch.zeros(1, 4, 4, dtype=torch.uint8))
    assert set(found) == {"main", "affinity", "total"}
    assert found["affinity"] == 2 + 6
    torch.testing.assert_close(found["total"], found["main"] + 0.3 * 8)
