"""Context prior and affinity loss: tiles against the dense formula, values and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from contextseg.ops.context_prior import PriorNorm, context_prior, prior_rows, tiling
from tests.ops.context_prior_runs import EXACT, GRADIENTS, OPTIONS, SHAPES, assert_equal, draw, run


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Several ragged tiles an image, as large images have."""
    monkeypatch.setattr(tiling, "TILE_SIDE", {"cpu": 7, "cuda": 7})


CASES = {
    f"{name}, {options['void']}, {options['diagonal']}": (shape, options)
    for name, shape in SHAPES.items()
    for options in OPTIONS
    if options["diagonal"] == "keep" or shape[1] == shape[2]
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("shape", "options"), CASES.values(), ids=CASES)
def test_equals_the_formula(shape, options, training):
    inputs = draw(shape)
    expected, actual = (run(i, inputs, training, **options) for i in ("reference", "eager"))
    assert_equal(actual, expected, **EXACT)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**16),
    pixels=st.integers(1, 40),
    keys=st.integers(1, 10),
    groups=st.sampled_from([1, 2, 3]),
    classes=st.integers(1, 6),
    void=st.sampled_from(["mask", "as_class"]),
)
def test_equals_the_formula_at_any_shape(seed, pixels, keys, groups, classes, void):
    torch.manual_seed(seed)
    inputs = draw((2, pixels, keys * groups, 2 * groups, 3, groups), classes=classes)
    expected, actual = (run(i, inputs, void=void) for i in ("reference", "eager"))
    assert_equal(actual, expected, **EXACT)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("labels", ["one class", "all different", "all void", "lone pixels"])
def test_unusual_labels(labels, options):
    inputs = draw(SHAPES["square"])
    given = {
        "one class": torch.zeros(2, 20, dtype=torch.uint8),
        "all different": torch.arange(20).repeat(2, 1),
        "all void": torch.full((2, 20), 255),
        "lone pixels": torch.arange(20).clamp_max(4).repeat(2, 1) - 7,
    }[labels]
    inputs["labels"] = inputs["key_labels"] = given
    expected, actual = (run(i, inputs, **options) for i in ("reference", "eager"))
    assert all(value.isfinite().all() for value in actual.values())
    assert_equal(actual, expected, **EXACT)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("impl", ["reference", "eager"])
def test_gradients(impl, groups, training):
    inputs = draw((2, 9, 4, 4, 2, groups))
    tensors = [inputs[name].requires_grad_() for name in GRADIENTS]

    def outputs(features, weight, gamma, beta, values):
        norm = PriorNorm(gamma, beta, torch.zeros(4), torch.ones(4), training)
        intra, inter, terms = context_prior(
            features, weight, norm, values, inputs["labels"], inputs["key_labels"],
            groups=groups, impl=impl,
        )  # fmt: skip
        return intra, inter, *terms[:4]

    assert torch.autograd.gradcheck(outputs, tensors)


def test_labels_of_any_integer_dtype():
    inputs = draw(SHAPES["more queries"])
    expected = run("reference", inputs)
    for asked, held in ((torch.uint8, torch.int64), (torch.int32, torch.uint8)):
        inputs |= {
            "labels": inputs["labels"].to(asked),
            "key_labels": inputs["key_labels"].to(held),
        }
        assert_equal(run("eager", inputs), expected, **EXACT)
    inputs["labels"] = inputs["labels"].long() + 256  # no key has these, whatever wraps around
    assert_equal(run("eager", inputs), run("reference", inputs), **EXACT)


def official_terms(prior: Tensor, labels: Tensor) -> list[Tensor]:
    """The authors' loss on probabilities: void a class, no diagonal, ratios through BCE."""
    A = (labels[:, :, None] == labels[:, None, :]).to(prior.dtype)
    off = A - torch.eye(A.shape[1], dtype=A.dtype)

    def ratio(top: Tensor, bottom: Tensor) -> Tensor:
        value = top.sum(-1) / torch.where(bottom.sum(-1) > 0, bottom.sum(-1), 1)
        return F.binary_cross_entropy(value, torch.ones_like(value))

    return [
        F.binary_cross_entropy(prior, A),
        ratio(off * prior, prior),
        ratio(off * prior, off),
        ratio((1 - A) * (1 - prior), 1 - A),
    ]


@pytest.mark.parametrize("labels", ["drawn", "one class", "all different"])
@pytest.mark.parametrize("impl", ["reference", "eager"])
def test_as_class_without_diagonal_is_the_authors_loss(impl, labels):
    inputs = draw(SHAPES["square"])
    if labels != "drawn":
        step = labels == "all different"
        inputs["labels"] = inputs["key_labels"] = (torch.arange(20) * step).repeat(2, 1)
    actual = run(impl, inputs, void="as_class", diagonal="remove")
    norm = PriorNorm(inputs["gamma"], inputs["beta"], None, None, training=True)
    prior = prior_rows(inputs["features"], inputs["weight"], norm)
    names = ("unary", "precision", "recall", "specificity")
    for name, expected in zip(names, official_terms(prior, inputs["labels"]), strict=True):
        torch.testing.assert_close(actual[name], expected, **EXACT)


def test_the_terms_by_hand():
    """Priors of 1/2 everywhere, four queries of classes a, a, b and void."""
    zeros = torch.zeros(4, dtype=torch.float64)
    norm = PriorNorm(zeros, zeros, zeros, zeros + 1)
    features, weight, values = zeros.view(1, 4, 1), zeros.view(4, 1), torch.ones(1, 4, 1).double()
    labels = torch.tensor([[3, 3, 7, 255]])
    half = torch.tensor(2.0, dtype=torch.float64).log()
    _, _, kept = context_prior(features, weight, norm, values, labels)
    torch.testing.assert_close(kept.unary, half)
    torch.testing.assert_close(kept.recall, half)
    torch.testing.assert_close(kept.specificity, half)
    shares = torch.tensor([2 / 3, 2 / 3, 1 / 3], dtype=torch.float64)
    torch.testing.assert_close(kept.precision, -shares.log().mean())
    assert kept.counts.tolist() == [9, 3, 3, 3]
    _, _, removed = context_prior(features, weight, norm, values, labels, diagonal="remove")
    torch.testing.assert_close(removed.precision, torch.tensor(3.0, dtype=torch.float64).log())
    torch.testing.assert_close(removed.recall, half)
    assert removed.counts.tolist() == [9, 2, 2, 3]  # the only pixel of class b has none to find


def test_context_by_hand():
    norm = PriorNorm(*(torch.tensor([1.0, 1.0, 1.0]) * n for n in (1, 0, 0, 1)), eps=0.0)
    features = torch.tensor([[[0.0], [60.0]]])
    values = torch.tensor([[[3.0], [6.0], [12.0]]])
    intra, inter, terms = context_prior(
        features, torch.tensor([[1.0], [1.0], [-1.0]]), norm, values
    )
    torch.testing.assert_close(intra, torch.tensor([[[3.5], [3.0]]]))  # halves; all but the third
    torch.testing.assert_close(inter, torch.tensor([[[3.5], [4.0]]]))
    assert terms is None


@pytest.mark.parametrize("impl", ["reference", "eager"])
def test_normalisation_is_that_of_batch_norm(impl):
    inputs = draw(SHAPES["groups"])
    conv = nn.Conv1d(8, 20, 1, groups=4, bias=False).double()
    norm = nn.BatchNorm1d(20, eps=1e-3, momentum=0.3).double()
    with torch.no_grad():
        conv.weight.copy_(inputs["weight"][:, :, None])
        norm.weight.copy_(inputs["gamma"])
        norm.bias.copy_(inputs["beta"])
    running = torch.zeros(20, dtype=torch.float64), torch.ones(20, dtype=torch.float64)
    for training in (True, True, False):
        norm.train(training)
        ours = PriorNorm(inputs["gamma"], inputs["beta"], *running, training, 0.3, 1e-3)
        intra, _, _ = context_prior(
            inputs["features"], inputs["weight"], ours, inputs["values"], groups=4, impl=impl
        )
        prior = norm(conv(inputs["features"].mT)).mT.sigmoid()
        torch.testing.assert_close(intra, prior @ inputs["values"] / 20, **EXACT)
        torch.testing.assert_close(running[0], norm.running_mean, **EXACT)
        torch.testing.assert_close(running[1], norm.running_var, **EXACT)


def test_context_without_labels_has_the_same_values_and_gradients():
    inputs = draw(SHAPES["square"])
    grads = []
    for impl, labels in (("reference", inputs["labels"]), ("eager", None)):
        leaves = [inputs[name].detach().requires_grad_() for name in GRADIENTS]
        norm = PriorNorm(leaves[2], leaves[3], None, None, training=True)
        intra, inter, _ = context_prior(*leaves[:2], norm, leaves[4], labels, impl=impl)
        grads.append(torch.autograd.grad((intra - 3 * inter.square()).sum(), leaves))
    for ours, formula in zip(*grads, strict=True):
        torch.testing.assert_close(ours, formula, **EXACT)


def test_rows_of_the_prior_are_those_that_weigh_the_values():
    inputs = draw(SHAPES["groups"])
    norm = PriorNorm(inputs["gamma"], inputs["beta"], None, None, training=True)
    drawn = inputs["features"], inputs["weight"], norm
    rows = prior_rows(*drawn, torch.tensor([3, 17]), groups=4)
    intra, _, _ = context_prior(*drawn, inputs["values"], groups=4)
    torch.testing.assert_close(rows @ inputs["values"] / 20, intra[:, [3, 17]], **EXACT)
    assert torch.equal(rows, prior_rows(*drawn, groups=4)[:, [3, 17]])
