"""Losses: by hand, against torch, and what ignored pixels may not change."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from contextseg.config import (
    ContextPriorConfig,
    EncodingConfig,
    FCNConfig,
    LossConfig,
    ModelConfig,
)
from contextseg.losses import CrossEntropy, SegmentationLoss, se_loss
from contextseg.models.outputs import SegmentationOutput
from contextseg.ops import AffinityTerms


def draw(classes: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.randint(classes, (2, 16, 24), dtype=torch.uint8)
    labels[:, :3] = 255
    return torch.randn(2, classes, 4, 6, dtype=torch.float64, requires_grad=True), labels


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_torchs_of_upsampled_logits(align_corners, weighted, smoothing):
    logits, labels = draw()
    weights = torch.rand(5, dtype=torch.float64) if weighted else None
    ours = CrossEntropy(
        class_weights=weights, label_smoothing=smoothing, align_corners=align_corners
    )(logits, labels)
    full = F.interpolate(logits, (16, 24), mode="bilinear", align_corners=align_corners)
    expected = F.cross_entropy(
        full, labels.long(), weights, ignore_index=255, label_smoothing=smoothing
    )
    torch.testing.assert_close(ours, expected)


def test_ignored_pixels_change_nothing():
    logits, labels = draw()
    logits = logits.detach()[..., :1, :1].expand(2, 5, 16, 24).clone().requires_grad_()
    loss = CrossEntropy()(logits, labels)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[:, :, :3] == 0).all()


def test_nothing_labelled_is_a_loss_of_zero():
    logits, labels = draw()
    loss = CrossEntropy(ohem_threshold=0.7)(logits, torch.full_like(labels, 255))
    loss.backward()
    assert loss == 0
    assert (logits.grad == 0).all()


def test_hard_examples_are_those_below_the_threshold():
    # probabilities of the true class: about .99, .73, .27
    logits = torch.tensor([5.0, 1.0, -1.0]).view(1, 1, 1, 3)
    logits = torch.cat([logits, torch.zeros_like(logits)], dim=1)
    labels = torch.zeros(1, 1, 3, dtype=torch.uint8)
    each = F.cross_entropy(logits, labels.long(), reduction="none").flatten()
    hard = CrossEntropy(ohem_threshold=0.5, ohem_min_kept=1)(logits, labels)
    torch.testing.assert_close(hard, each[2])
    kept = CrossEntropy(ohem_threshold=0.5, ohem_min_kept=2)(logits, labels)
    torch.testing.assert_close(kept, each[1:].mean())


@pytest.mark.parametrize("min_kept", [1, 300])
def test_hard_examples_weighted_by_class(min_kept):
    logits, labels = draw()
    weights = torch.rand(5, dtype=torch.float64) + 0.1
    full = F.interpolate(logits, (16, 24), mode="bilinear")
    target = torch.where(labels == 255, 0, labels.long())
    probability = full.softmax(1).gather(1, target[:, None])[:, 0][labels != 255]
    least = probability.sort().values[min_kept - 1].clamp(min=0.2)  # of a class, unweighted
    hard = probability <= least
    assert min_kept <= hard.sum() < hard.numel()
    share = weights[target[labels != 255]] * hard
    expected = (-probability.log() * share).sum() / share.sum()
    loss = CrossEntropy(class_weights=weights, ohem_threshold=0.2, ohem_min_kept=min_kept)
    actual = loss(logits, labels)
    torch.testing.assert_close(actual, expected)
    for one, other in zip(
        torch.autograd.grad(actual, logits), torch.autograd.grad(expected, logits), strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.slow
def test_the_loss_exports_and_compiles_with_hard_examples_and_weights():
    logits, labels = draw()
    loss = CrossEntropy(class_weights=torch.rand(5), ohem_threshold=0.3, ohem_min_kept=20)
    expected = loss(logits, labels)
    program = torch.export.export(loss, (logits, labels))
    torch.testing.assert_close(program.module()(logits, labels), expected)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(logits, labels), expected)


def test_se_loss_by_hand():
    logits = torch.tensor([[0.0, 2.0]])
    labels = torch.tensor([[[1, 255]]], dtype=torch.uint8)
    expected = (torch.log(torch.tensor(2.0)) + torch.log1p(torch.exp(torch.tensor(-2.0)))) / 2
    torch.testing.assert_close(se_loss(logits, labels), expected)


def test_an_image_without_a_valid_pixel_is_left_out_of_the_se_loss():
    logits = torch.randn(3, 4)
    labels = torch.randint(4, (3, 5, 5), dtype=torch.uint8)
    blank = torch.cat([labels[:2], torch.full((1, 5, 5), 255, dtype=torch.uint8)])
    torch.testing.assert_close(se_loss(logits, blank), se_loss(logits[:2], labels[:2]))
    assert se_loss(logits[2:], blank[2:]) == 0


def output(labels: torch.Tensor, **parts: torch.Tensor) -> SegmentationOutput:
    return SegmentationOutput(
        coarse_logits=torch.randn(2, 5, 4, 6), size=(labels.shape[1], labels.shape[2]), **parts
    )


def test_terms_are_those_that_the_model_has_and_weighted_by_its_config():
    _, labels = draw()
    config = ModelConfig(context=EncodingConfig(se_weight=0.3), aux_weight=0.5, num_classes=5)
    parts = {
        "presence_logits": torch.randn(2, 5),
        "aux_coarse_logits": torch.randn(2, 5, 4, 6),
        "aux_presence_logits": torch.randn(2, 5),
    }
    terms = SegmentationLoss.from_config(config, LossConfig())(output(labels, **parts), labels)
    assert set(terms) == {"main", "se", "aux", "aux_se", "total"}
    expected = terms["main"] + 0.3 * (terms["se"] + terms["aux_se"]) + 0.5 * terms["aux"]
    torch.testing.assert_close(terms["total"], expected)
    plain = ModelConfig(context=FCNConfig(), num_classes=5)
    terms = SegmentationLoss.from_config(plain)(output(labels), labels)
    assert set(terms) == {"main", "total"}


def test_the_loss_needs_no_config():
    _, labels = draw()
    parts = {"presence_logits": torch.randn(2, 5), "aux_coarse_logits": torch.randn(2, 5, 4, 6)}
    out = output(labels, **parts)
    terms = SegmentationLoss(5, se_weight=0.3, aux_weight=0.5, label_smoothing=0.1)(out, labels)
    model = ModelConfig(context=EncodingConfig(se_weight=0.3), aux_weight=0.5, num_classes=5)
    same = SegmentationLoss.from_config(model, LossConfig(label_smoothing=0.1))(out, labels)
    assert set(terms) == {"main", "se", "aux", "total"}
    assert all(torch.equal(terms[name], same[name]) for name in terms)
    default, of_config = SegmentationLoss(5), SegmentationLoss.from_config(ModelConfig())
    assert default(out, labels)["total"] == of_config(out, labels)["total"]


def test_plain_weights_reach_every_part_of_the_affinity_loss():
    context = ContextPriorConfig(affinity_weight=0.7, unary_weight=0.2, global_weight=3.0)
    of_config = SegmentationLoss.from_config(ModelConfig(context=context))
    plain = SegmentationLoss(affinity_weight=0.7, unary_weight=0.2, global_weight=3.0)
    _, labels = draw()
    terms = AffinityTerms(*torch.rand(4), counts=torch.ones(4))
    out = output(labels, affinity=terms)
    expected = 0.7 * (0.2 * terms.unary + 3 * sum(terms[1:4])) + plain(out, labels)["main"]
    torch.testing.assert_close(plain(out, labels)["total"], expected)
    assert plain(out, labels)["total"] == of_config(out, labels)["total"]


@pytest.mark.parametrize("ignored", [-1, -100, 0, 7, 254])
def test_any_label_can_mark_ignored_pixels(ignored):
    _, labels = draw()
    labels = labels.long()
    marked = torch.where(labels == 255, ignored, labels)
    expected = torch.where(marked == ignored, 255, labels)
    out = output(labels, presence_logits=torch.randn(2, 5))
    terms = SegmentationLoss(5, ignore_index=ignored)(out, marked)
    same = SegmentationLoss(5)(out, expected)
    assert all(torch.equal(terms[name], same[name]) for name in same)


def test_wrong_numbers_of_classes_and_another_convention_are_refused():
    _, labels = draw()
    with pytest.raises(ValueError, match=r"class_weights must be \[5\], .* got \[3\]"):
        SegmentationLoss(5, class_weights=torch.ones(3))
    with pytest.raises(ValueError, match="num_classes 4 channels, got 5"):
        SegmentationLoss(4)(output(labels), labels)
    with pytest.raises(ValueError, match="align_corners is True, but the model's is False"):
        SegmentationLoss(5, align_corners=True)(output(labels), labels)


def test_the_old_arguments_work_for_one_release():
    _, labels = draw()
    config = ModelConfig(context=EncodingConfig(se_weight=0.3), aux_weight=0.5, num_classes=5)
    arguments = config, LossConfig(label_smoothing=0.1), torch.arange(1.0, 6)
    with pytest.warns(DeprecationWarning, match="from_config"):
        old = SegmentationLoss(*arguments)
    out = output(labels, aux_coarse_logits=torch.randn(2, 5, 4, 6))
    new = SegmentationLoss.from_config(*arguments)
    assert old(out, labels)["total"] == new(out, labels)["total"]
