"""Context prior in other dtypes and layouts, compiled, exported, and its memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from contextseg.ops.context_prior import PriorNorm, context_prior, moments, tiles, tiling
from tests.ops.context_prior_runs import EXACT, GRADIENTS, SHAPES, assert_equal, draw, run
from tests.oracle import assert_as_exact
from tests.peak_memory import printed_by


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Several ragged tiles an image, as large images have."""
    monkeypatch.setattr(tiling, "TILE_SIDE", {"cpu": 7, "cuda": 7})


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


@pytest.mark.parametrize("value", [torch.inf, -torch.inf], ids=str)
@pytest.mark.parametrize("impl", ["reference", "eager"])
def test_infinity_shows(impl, value):
    inputs = draw(SHAPES["square"])
    inputs["values"][1, 2, 3] = value
    found = run(impl, inputs)
    assert not found["intra"][1, :, 3].isfinite().any()
    assert not found["inter"][1, :, 3].isfinite().any()
    assert found["intra"][0].isfinite().all()
    inputs = draw(SHAPES["square"])
    inputs["features"][1, 2, 3] = value  # through the statistics to all
    assert not any(part.isfinite().any() for part in run(impl, inputs)["intra"].unbind())


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
    grads = [torch.randn_like(output) for output in tiles.forward_op(*arguments)]
    torch.library.opcheck(tiles.backward_op, (*grads, *arguments))


def test_moments_are_sound_torch_operators():
    features, mean = torch.randn(2, 9, 6), torch.randn(6)
    torch.library.opcheck(moments.second_op, (features, mean, 2))
    torch.library.opcheck(
        moments.centred_product_op,
        (features.mT.contiguous().mT, mean, torch.randn(2, 3, 3), mean),
    )


@pytest.mark.slow
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


class Affinity(nn.Module):
    """The terms of the affinity loss."""

    def forward(self, features: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
        M = len(weight)
        norm = PriorNorm(torch.ones(M), torch.zeros(M), None, None, training=True)
        terms = context_prior(features, weight, norm, features, labels).affinity
        assert terms is not None
        return torch.stack(terms[:4])


def test_the_affinity_loss_exports_as_plain_operators():
    inputs = torch.randn(2, 12, 8), torch.randn(12, 8), torch.randint(3, (2, 12))
    program = torch.export.export(Affinity(), inputs)
    called = {str(n.target) for n in program.graph.nodes if n.op == "call_function"}
    assert called
    assert not [name for name in called if "contextseg" in name]
    torch.testing.assert_close(program.module()(*inputs), Affinity()(*inputs))


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
def predict(N):
    features, weight = torch.randn(1, N, 32), torch.randn(N, 32)
    norm = PriorNorm(torch.ones(N), torch.zeros(N), torch.zeros(N), torch.ones(N))
    before = peak()
    with torch.no_grad():
        context_prior(features, weight, norm, features, impl="{impl}")
    return peak() - before
predict(64)
step(64)
print({work}(4000))
"""


@pytest.mark.parametrize("work", ["step", "predict"])
@pytest.mark.slow
def test_no_prior_in_memory(work):
    (eager,), (reference,) = (
        printed_by(PEAKS.format(impl=impl, work=work)) for impl in ("eager", "reference")
    )
    prior = 4000 * 4000 * 4 / 2**20  # MiB
    assert eager < prior / 2 < (4 if work == "step" else 1.5) * prior < reference
