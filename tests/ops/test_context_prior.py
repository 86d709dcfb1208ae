"""Context prior and affinity loss: tiles against the dense formula, values and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from contextseg.ops.context_prior import PriorNorm, context_prior, prior_rows, tiles
from tests.oracle import assert_as_exact
from tests.peak_memory import printed_by

OPTIONS = [
    {"void": "mask", "diagonal": "keep"},
    {"void": "mask", "diagonal": "remove"},
    {"void": "as_class", "diagonal": "keep"},
    {"void": "as_class", "diagonal": "remove"},
]
SHAPES = {  # name: (B, N, M, C, D, groups)
    "square": (2, 20, 20, 8, 5, 1),
    "fewer queries": (2, 9, 24, 8, 3, 1),
    "more queries": (1, 33, 12, 6, 6, 1),
    "groups": (2, 20, 20, 8, 5, 4),
    "groups of two keys": (1, 30, 8, 8, 5, 4),
    "one query": (2, 1, 6, 4, 3, 1),
    "one pair": (2, 1, 1, 3, 2, 1),
}
GRADIENTS = ("features", "weight", "gamma", "beta", "values")


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Several ragged tiles an image, as large images have."""
    monkeypatch.setattr(tiles, "TILE_SIDE", {"cpu": 7, "cuda": 7})


def draw(shape, dtype=torch.float64, classes: int = 4) -> dict[str, Tensor]:
    """Inputs; a few pixels of every image are void."""
    B, N, M, C, D, groups = shape
    labels = torch.randint(classes, (B, N))
    key_labels = labels.clone() if N == M else torch.randint(classes, (B, M))
    for drawn in (labels, key_labels):
        drawn[drawn == classes - 1] = 255
    return {
        "features": torch.randn(B, N, C).to(dtype) + 0.5,
        "weight": torch.randn(M, C // groups).to(dtype),
        "gamma": torch.rand(M).to(dtype) + 0.5,
        "beta": torch.randn(M).to(dtype),
        "values": torch.randn(B, M, D).to(dtype),
        "labels": labels,
        "key_labels": key_labels,
    }


def run(
    impl: str, inputs: dict[str, Tensor], training: bool = True, autocast: bool = False, **options
) -> dict[str, Any]:
    """Outputs, running statistics, and gradients of a loss that takes each output differently."""
    leaves = {name: inputs[name].detach().requires_grad_() for name in GRADIENTS}
    groups = inputs["features"].shape[2] // inputs["weight"].shape[1]
    M, wide = len(inputs["weight"]), torch.promote_types(inputs["weight"].dtype, torch.float32)
    running = [torch.linspace(-1, 1, M, dtype=wide), torch.linspace(0.5, 1, M, dtype=wide)]
    norm = PriorNorm(leaves["gamma"], leaves["beta"], *running, training=training)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        intra, inter, terms = context_prior(
            leaves["features"],
            leaves["weight"],
            norm,
            leaves["values"],
            inputs["labels"],
            inputs["key_labels"],
            groups=groups,
            impl=impl,
            **options,
        )
    assert terms is not None
    ramp = torch.linspace(-1, 1, intra.numel(), dtype=wide).view_as(intra)
    loss = (intra * ramp).sum() + inter.to(wide).square().sum()
    loss = loss + terms.unary + 2 * terms.precision + 0.5 * terms.recall + 0.3 * terms.specificity
    grads = torch.autograd.grad(loss, list(leaves.values()))
    found = {"intra": intra, "inter": inter, **terms._asdict()}
    found |= {"running_mean": running[0], "running_var": running[1]}
    found |= {f"grad of {name}": grad for name, grad in zip(GRADIENTS, grads, strict=True)}
    return {name: value.detach() for name, value in found.items()}


def assert_equal(actual: dict[str, Tensor], expected: dict[str, Tensor], **tolerance) -> None:
    for name in expected:
        torch.testing.assert_close(
            actual[name], expected[name], **tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )


EXACT = {"rtol": 1e-10, "atol": 1e-10}


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("shape", ["square", "groups"])
def test_as_exact_as_the_formula(shape, dtype):
    inputs = draw(SHAPES[shape], dtype)
    wide = {
        name: value.double() if value.is_floating_point() else value
        for name, value in inputs.items()
    }
    actual, rounded = (run(impl, inputs) for impl in ("eager", "reference"))
    exact = run("reference", wide)
    for name in actual:
        if name != "counts":
            assert_as_exact(actual[name], rounded[name], exact[name], name)


def test_features_far_from_the_origin():
    inputs = draw((2, 300, 12, 16, 4, 1), torch.float32)
    inputs["features"] += 20
    wide = {n: v.double() if v.is_floating_point() else v for n, v in inputs.items()}
    actual, exact = run("eager", inputs), run("reference", wide)
    for name in ("intra", "unary", "precision", "recall", "specificity"):
        torch.testing.assert_close(actual[name], exact[name].float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("impl", ["reference", "eager"])
def test_saturated_logits_stay_finite(impl):
    inputs = draw(SHAPES["square"], torch.float32)
    for sign in (1, -1):
        inputs["beta"] = torch.full((20,), sign * 500.0)
        found = run(impl, inputs, void="as_class")
        assert all(value.isfinite().all() for value in found.values())
        worse = ("specificity",) if sign > 0 else ("precision", "recall")
        assert all(found[name] == 100 for name in worse)
        assert found["unary"] > 100  # in logit space, with its gradient
        assert found["grad of beta"].abs().max() > 1e-3


@pytest.mark.parametrize("layout", ["channels last", "channels first", "slice"])
def test_strides_do_not_matter(layout):
    inputs = draw((2, 20, 20, 8, 8, 1))
    expected = run("eager", inputs)
    for name in ("features", "values"):
        if layout == "channels first":
            inputs[name] = inputs[name].mT.contiguous().mT
        if layout == "slice":
            inputs[name] = torch.cat([inputs[name], inputs[name]], dim=2)[..., :8]
    actual = run("eager", inputs)
    assert_equal(actual, expected, **EXACT)
    if layout == "channels first":
        names = ("intra", "inter", "grad of features", "grad of values")
        assert all(actual[name].mT.is_contiguous() for name in names)


@pytest.mark.parametrize("impl", ["reference", "eager"])
@pytest.mark.parametrize("training", [True, False])
def test_empty_batch(impl, training):
    found = run(impl, draw((0, 6, 6, 4, 3, 1)), training)
    assert found["intra"].shape == (0, 6, 3)
    assert found["unary"] == found["precision"] == found["specificity"] == 0
    assert torch.equal(found["running_mean"], torch.linspace(-1, 1, 6, dtype=torch.float64))
    assert (found["grad of weight"] == 0).all()


@pytest.mark.parametrize("impl", ["reference", "eager"])
def test_nan_shows(impl):
    inputs = draw(SHAPES["square"])
    inputs["features"][1, 2, 3] = torch.nan
    found = run(impl, inputs, training=False)
    assert found["intra"][1, 2].isnan().all()
    assert found["inter"][1, 2].isnan().all()
    assert found["intra"][0].isfinite().all()
    assert found["unary"].isnan()
    assert run(impl, inputs)["intra"].isnan().all()  # through the statistics


def test_autocast_changes_nothing():
    inputs = draw(SHAPES["square"], torch.float32)
    expected = run("eager", inputs)
    actual = run("eager", inputs, autocast=True)
    for name in expected:
        assert torch.equal(actual[name], expected[name]), name


def test_second_derivatives_are_refused():
    inputs = draw(SHAPES["square"])
    norm = PriorNorm(inputs["gamma"], inputs["beta"], None, None, training=True)
    for name in ("features", "values"):
        leaf = inputs[name].requires_grad_()
        intra, _, _ = context_prior(inputs["features"], inputs["weight"], norm, inputs["values"])
        with pytest.raises(RuntimeError, match="no second derivatives; take impl='reference'"):
            torch.autograd.grad(intra.sum(), leaf, create_graph=True)


@pytest.mark.parametrize("labels", [True, False])
def test_tiles_are_a_sound_torch_operator(labels):
    inputs = draw(SHAPES["groups"])
    drawn = [inputs[name] for name in ("features", "weight", "beta", "values")]
    asked, held = (inputs[name].double() for name in ("labels", "key_labels"))
    given = (asked, held, torch.ones_like(held)) if labels else (None, None, None)
    arguments = (*drawn, *given, 4, labels)
    torch.library.opcheck(tiles.forward_op, arguments)
    grads = [torch.randn_like(output) for output in tiles.forward(*arguments)]
    torch.library.opcheck(tiles.backward_op, (*grads, *arguments))


def test_moments_are_sound_torch_operators():
    from contextseg.ops.context_prior import moments

    features, mean = torch.randn(2, 9, 6), torch.randn(6)
    torch.library.opcheck(moments.second_op, (features, mean, 2))
    torch.library.opcheck(
        moments.centred_product_op,
        (features.mT.contiguous().mT, mean, torch.randn(2, 3, 3), mean),
    )


@pytest.mark.parametrize("training", [True, False])
def test_compiles_whole(training):
    inputs = draw(SHAPES["groups"], torch.float32)
    expected = run("eager", inputs, training, diagonal="remove")
    leaves = [inputs[name].detach().requires_grad_() for name in GRADIENTS]
    running = [torch.linspace(-1, 1, 20), torch.linspace(0.5, 1, 20)]

    @torch.compile(fullgraph=True, backend="aot_eager")
    def step(features, weight, gamma, beta, values, labels):
        norm = PriorNorm(gamma, beta, running[0], running[1], training)
        return context_prior(features, weight, norm, values, labels, groups=4, diagonal="remove")

    intra, inter, terms = step(*leaves, inputs["labels"])
    ramp = torch.linspace(-1, 1, intra.numel()).view_as(intra)
    loss = (intra * ramp).sum() + inter.square().sum()
    loss = loss + terms.unary + 2 * terms.precision + 0.5 * terms.recall + 0.3 * terms.specificity
    grads = torch.autograd.grad(loss, leaves)
    for name, grad in zip(GRADIENTS, grads, strict=True):
        torch.testing.assert_close(grad, expected[f"grad of {name}"])
    torch.testing.assert_close(intra, expected["intra"])
    torch.testing.assert_close(running[1], expected["running_var"])


class Layer(nn.Module):
    """Context of a feature map, all from one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(20, 2))
        self.norm = nn.BatchNorm1d(20)

    def forward(self, features: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        n = self.norm
        norm = PriorNorm(n.weight, n.bias, n.running_mean, n.running_var)
        intra, inter, _ = context_prior(features, self.weight, norm, values, groups=4)
        return intra, inter


def test_exports_as_plain_operators_with_any_number_of_queries():
    layer = Layer().eval()
    layer.norm.running_mean.normal_()
    sizes = {"features": {1: torch.export.Dim.DYNAMIC}, "values": None}
    values = torch.randn(2, 20, 5)
    program = torch.export.export(
        layer, (torch.randn(2, 12, 8), values), dynamic_shapes=sizes, strict=False
    )
    called = {str(n.target) for n in program.graph.nodes if n.op == "call_function"}
    assert called
    assert not [name for name in called if "contextseg" in name]
    other = torch.randn(2, 31, 8)
    for actual, expected in zip(program.module()(other, values), layer(other, values), strict=True):
        torch.testing.assert_close(actual, expected)


PEAKS = """
import torch
from contextseg.ops.context_prior import PriorNorm, context_prior
from tests.peak_memory import peak
torch.set_num_threads(1)
def step(N):
    features = torch.randn(1, N, 32, requires_grad=True)
    weight = torch.randn(N, 32, requires_grad=True)
    norm = PriorNorm(torch.ones(N), torch.zeros(N), torch.zeros(N), torch.ones(N), True)
    labels = torch.randint(9, (1, N))
    before = peak()
    intra, inter, terms = context_prior(features, weight, norm, features, labels, impl="{impl}")
    (intra.sum() + inter.square().sum() + sum(terms[:4])).backward()
    return peak() - before
step(64)
print(step(4000))
"""


def test_no_prior_in_memory():
    (eager,), (reference,) = (printed_by(PEAKS.format(impl=i)) for i in ("eager", "reference"))
    prior = 4000 * 4000 * 4 / 2**20  # MiB
    assert eager < prior / 3 < 4 * prior < reference
