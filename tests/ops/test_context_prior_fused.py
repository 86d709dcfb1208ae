"""Context prior in tiles of a Triton kernel: against the dense formula, as a sound operator."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("triton", reason="the kernel needs Triton")

from contextseg.ops.context_prior import PriorNorm, chunk_plan, context_prior, fused, fused_plan
from contextseg.ops.context_prior.fused_plan import Plan
from tests.ops import interpreted_bfloat16
from tests.ops.context_prior_runs import (
    EXACT,
    GRADIENTS,
    OPTIONS,
    SHAPES,
    assert_equal,
    check_context_without_labels,
    check_strides_do_not_matter,
    draw,
    run,
)
from tests.oracle import assert_as_exact, rms
from tests.peak_memory import printed_by

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="these inputs are on the CPU")


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Several ragged tiles an image, as large images have; channels and columns in blocks."""
    monkeypatch.setattr(chunk_plan, "CHUNKS", {})
    for itemsize in (2, 4, 8):
        monkeypatch.setitem(fused_plan.TABLE, itemsize, ((0, Plan(16, 16, 16, 16)),))


WIDE = (1, 20, 18, 40, 34, 1)  # more channels and columns than a block
KEEP, REMOVE = OPTIONS[0], OPTIONS[1]
CASES = {
    "mask, keep": (SHAPES["square"], OPTIONS[0], True),
    "mask, remove": (SHAPES["square"], OPTIONS[1], True),
    "as_class, keep": (SHAPES["square"], OPTIONS[2], True),
    "as_class, remove": (SHAPES["square"], OPTIONS[3], True),
    "running statistics": (SHAPES["square"], REMOVE, False),
    "fewer queries": (SHAPES["fewer queries"], KEEP, True),
    "more queries": (SHAPES["more queries"], KEEP, False),
    "groups": ((1, 20, 20, 8, 5, 4), REMOVE, True),
    "large groups": ((1, 9, 40, 8, 5, 2), KEEP, True),
    "one pair": (SHAPES["one pair"], REMOVE, True),
    "blocks": (WIDE, KEEP, True),
}


@pytest.mark.parametrize(("shape", "options", "training"), CASES.values(), ids=CASES)
def test_equals_the_formula(shape, options, training):
    inputs = draw(shape)
    expected, actual = (run(i, inputs, training, **options) for i in ("reference", "fused"))
    assert_equal(actual, expected, **EXACT)


@pytest.mark.slow
def test_gradients():
    inputs = draw((1, 4, 2, 2, 2, 1))
    tensors = [inputs[name].requires_grad_() for name in GRADIENTS]

    def outputs(features, weight, gamma, beta, values):
        norm = PriorNorm(gamma, beta, None, None, training=True)
        intra, inter, terms = context_prior(
            features, weight, norm, values, inputs["labels"], inputs["key_labels"],
            impl="fused",
        )  # fmt: skip
        return intra, inter, *terms[:4]

    assert torch.autograd.gradcheck(outputs, tensors, fast_mode=True)


def widened(inputs):
    return {n: v.double() if v.is_floating_point() else v for n, v in inputs.items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_as_exact_as_the_formula(dtype):
    """The interpreter multiplies all digits of float32, tensor cores ten bits of them and more."""
    inputs = draw(SHAPES["square"], dtype)
    actual, rounded = (run(impl, inputs) for impl in ("fused", "reference"))
    exact = run("reference", widened(inputs))
    for name in actual:
        if name != "counts":
            assert_as_exact(actual[name], rounded[name], exact[name], name)


def test_bfloat16_within_its_rounding(monkeypatch):
    """Weights, prior and gradients lose up to 2^-8 of themselves where the interpreter rounds."""
    interpreted_bfloat16.repair(monkeypatch)
    monkeypatch.setitem(fused_plan.TABLE, 2, ((0, Plan(32, 16, 16, 16)),))
    inputs = draw((1, 40, 40, 32, 24, 1), torch.bfloat16)
    actual, exact = run("fused", inputs), run("reference", widened(inputs))
    for name in actual:
        if name != "counts":
            bound = 2**-6 if "grad" in name else 2**-7
            assert rms(actual[name] - exact[name]) <= bound * rms(exact[name]), name


def test_context_without_labels():
    check_context_without_labels()


@pytest.mark.parametrize("layout", ["channels first", "slice"])
def test_strides_do_not_matter(layout):
    check_strides_do_not_matter(layout)


def test_empty_batch():
    found = run("fused", draw((0, 6, 6, 4, 3, 1)))
    assert found["intra"].shape == (0, 6, 3)
    assert found["unary"] == found["precision"] == found["specificity"] == 0
    assert (found["grad of weight"] == 0).all()


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_nan_shows():
    inputs = draw(SHAPES["square"])
    inputs["features"][1, 2, 3] = torch.nan
    found = run("fused", inputs, training=False)
    assert found["intra"][1, 2].isnan().all()
    assert found["inter"][1, 2].isnan().all()
    assert found["intra"][0].isfinite().all()
    assert found["unary"].isnan()
    assert found["grad of weight"].isnan().any()


def test_saturated_logits_stay_finite():
    inputs = draw(SHAPES["square"], torch.float32)
    for sign in (1, -1):
        inputs["beta"] = torch.full((20,), sign * 500.0)
        found = run("fused", inputs, void="as_class")
        assert all(value.isfinite().all() for value in found.values())
        assert found["unary"] > 100  # in logit space, with its gradient
        assert found["grad of beta"].abs().max() > 1e-3


def test_autocast_changes_nothing():
    inputs = draw((1, 20, 20, 8, 5, 1), torch.float32)
    expected, actual = run("fused", inputs), run("fused", inputs, autocast=True)
    for name in expected:
        assert torch.equal(actual[name], expected[name]), name


def test_second_derivatives_are_refused():
    inputs = draw(SHAPES["one query"])
    norm = PriorNorm(inputs["gamma"], inputs["beta"], torch.zeros(6), torch.ones(6))
    leaf = inputs["values"].requires_grad_()
    intra, _, _ = context_prior(inputs["features"], inputs["weight"], norm, leaf, impl="fused")
    with pytest.raises(RuntimeError, match="no second derivatives; take impl='reference'"):
        torch.autograd.grad(intra.sum(), leaf, create_graph=True)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.slow
def test_both_directions_are_sound_torch_operators(labels):
    inputs = draw((1, 9, 9, 4, 3, 1))
    drawn = [inputs[n].requires_grad_() for n in ("features", "weight", "beta", "values")]
    asked, held = (inputs[name].double() for name in ("labels", "key_labels"))
    given = (asked, held, torch.ones_like(held)) if labels else (None, None, None)
    arguments = (*drawn, *given, 1, labels, "ieee")
    torch.library.opcheck(fused.forward_op, arguments)
    plain = [a.detach() if isinstance(a, torch.Tensor) else a for a in arguments]
    grads = [torch.randn_like(output) for output in fused.forward_op(*plain)]
    torch.library.opcheck(fused.backward_op, (*grads, *plain))


@pytest.mark.slow
def test_compiles_whole():
    inputs = draw((1, 20, 20, 8, 5, 2), torch.float32)
    expected = run("fused", inputs, False, diagonal="remove")
    leaves = [inputs[name].detach().requires_grad_() for name in GRADIENTS]
    running = [torch.linspace(-1, 1, 20), torch.linspace(0.5, 1, 20)]

    @torch.compile(fullgraph=True, backend="aot_eager")
    def step(features, weight, gamma, beta, values, labels):
        norm = PriorNorm(gamma, beta, running[0], running[1])
        return context_prior(
            features, weight, norm, values, labels, groups=2, diagonal="remove", impl="fused"
        )

    intra, inter, terms = step(*leaves, inputs["labels"])
    ramp = torch.linspace(-1, 1, intra.numel()).view_as(intra)
    loss = (intra * ramp).sum() + inter.square().sum()
    loss = loss + terms.unary + 2 * terms.precision + 0.5 * terms.recall + 0.3 * terms.specificity
    grads = torch.autograd.grad(loss, leaves)
    for name, grad in zip(GRADIENTS, grads, strict=True):
        torch.testing.assert_close(grad, expected[f"grad of {name}"])
    torch.testing.assert_close(intra, expected["intra"])


def test_asked_by_name_it_runs_or_raises(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(RuntimeError, match=r"impl='fused' cannot run here: the input is on cpu"):
        run("fused", draw(SHAPES["one pair"]))


def test_precision_follows_the_dtypes():
    def precision(*dtypes):
        return fused.precision_of(*(torch.zeros(1, dtype=dtype) for dtype in dtypes))

    half, brain, single, double = torch.float16, torch.bfloat16, torch.float32, torch.float64
    assert precision(brain, single, brain) == "bf16"
    assert precision(half, single, half) == precision(brain, brain, half) == "tf32"
    assert precision(single, single, single) == precision(brain, single, single) == "float32"
    assert precision(single, double, single) == precision(double, single, single) == "ieee"


PEAK = """
import os
os.environ["TRITON_INTERPRET"] = "1"
import torch
from contextseg.ops.context_prior import PriorNorm, chunk_plan, context_prior, fused
from tests.peak_memory import peak
torch.set_num_threads(1)
class Idle:
    def __getitem__(self, grid):
        return lambda *arguments, **constants: None
chunk_plan.CHUNKS = {}
fused.gather_kernel = Idle()  # it can allocate nothing: what it is given is all there is
def step(N):
    features = torch.randn(1, N, 32, requires_grad=True)
    weight = torch.randn(N, 32, requires_grad=True)
    norm = PriorNorm(torch.ones(N), torch.zeros(N), torch.zeros(N), torch.ones(N), True)
    labels = torch.randint(9, (1, N))
    before = peak()
    found = context_prior(features, weight, norm, features, labels, impl="fused")
    (found.intra.sum() + found.inter.square().sum() + sum(found.affinity[:4])).backward()
    return peak() - before
step(64)
print(step(8000))
"""


@pytest.mark.slow
def test_no_prior_in_memory():
    (grown,) = printed_by(PEAK)
    assert grown < 8000 * 8000 * 4 / 2**20 / 10
