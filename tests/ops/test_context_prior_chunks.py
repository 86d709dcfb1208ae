"""Context prior in chunks between matrix products: against the dense formula."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("triton", reason="the kernels need Triton")

from contextseg.ops.context_prior import (
    PriorNorm,
    batched,
    chunk_plan,
    chunks,
    context_prior,
    fused,
    moments,
)
from contextseg.ops.context_prior.chunk_plan import Blocks, Chunking
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
KEEP, REMOVE = OPTIONS[0], OPTIONS[1]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Several chunks an image or images a chunk, and several ragged blocks a chunk."""
    set_chunks(monkeypatch, pairs=170)
    monkeypatch.setattr(chunk_plan, "STEP", 8)
    monkeypatch.setattr(chunk_plan, "FACTORS", 2)
    set_blocks(monkeypatch, Blocks(2, 8, 4))


def set_blocks(monkeypatch, blocks: Blocks):
    monkeypatch.setattr(chunk_plan, "GROUP", 2 * blocks.rows)
    for name in ("FORWARD", "BACKWARD", "OUTPUT"):
        monkeypatch.setattr(chunk_plan, name, blocks)


def set_chunks(monkeypatch, pairs: int, exact: bool = True):
    cut = Chunking(least=0, pairs=pairs, rows=1, exact=exact)
    monkeypatch.setattr(chunk_plan, "CHUNKS", dict.fromkeys(("bf16", "float32", "ieee"), cut))


@pytest.fixture
def launches(monkeypatch):
    """Number of chunks of each call in order."""
    counted = []
    cut = chunk_plan.chunk_spans

    def count(*arguments):
        found = list(cut(*arguments))
        counted.append(len(found))
        return found

    monkeypatch.setattr(chunk_plan, "chunk_spans", count)
    return counted


CASES = {
    "mask, keep": (SHAPES["square"], OPTIONS[0], True, 6),
    "mask, remove": (SHAPES["square"], OPTIONS[1], True, 6),
    "as_class, keep": (SHAPES["square"], OPTIONS[2], True, 6),
    "as_class, remove": (SHAPES["square"], OPTIONS[3], True, 6),
    "running statistics": (SHAPES["square"], REMOVE, False, 6),
    "fewer queries": (SHAPES["fewer queries"], KEEP, True, 4),
    "more queries": (SHAPES["more queries"], KEEP, False, 3),
    "groups": ((1, 20, 20, 8, 5, 4), REMOVE, True, 3),
    "one query": (SHAPES["one query"], KEEP, True, 1),
    "one pair": (SHAPES["one pair"], REMOVE, True, 1),
    "three images, two at a time": ((3, 9, 9, 8, 5, 1), REMOVE, True, 2),
}


@pytest.mark.parametrize(("shape", "options", "training", "number"), CASES.values(), ids=CASES)
def test_equals_the_formula(launches, shape, options, training, number):
    inputs = draw(shape)
    expected, actual = (run(i, inputs, training, **options) for i in ("reference", "fused"))
    assert_equal(actual, expected, **EXACT)
    assert launches == [number, number]


def widened(inputs):
    return {n: v.double() if v.is_floating_point() else v for n, v in inputs.items()}


def test_as_exact_as_the_formula():
    inputs = draw(SHAPES["square"], torch.float32)
    actual, rounded = (run(impl, inputs) for impl in ("fused", "reference"))
    exact = run("reference", widened(inputs))
    for name in actual:
        if name != "counts":
            assert_as_exact(actual[name], rounded[name], exact[name], name)


@pytest.mark.parametrize("exact", [True, False])
def test_bfloat16_within_its_rounding(monkeypatch, exact):
    set_chunks(monkeypatch, 700, exact)
    set_blocks(monkeypatch, Blocks(8, 32, 4))
    inputs = draw((2, 40, 40, 32, 24, 1), torch.bfloat16)
    actual, expected = run("fused", inputs), run("reference", widened(inputs))
    assert actual["intra"].dtype == actual["grad of features"].dtype == torch.bfloat16
    for name in actual:
        if name != "counts":
            bound = 2**-6 if "grad" in name else 2**-7
            assert rms(actual[name] - expected[name]) <= bound * rms(expected[name]), name


def test_far_from_the_origin_gradients_keep_their_digits(monkeypatch):
    """Most of the product and of the sum over its roundings cancel in the weight's gradient."""
    set_blocks(monkeypatch, Blocks(8, 32, 4))
    inputs = draw((2, 40, 40, 32, 24, 1), torch.bfloat16)
    inputs["features"] = (inputs["features"].float() + 8).bfloat16()
    actual, expected = run("fused", inputs), run("reference", widened(inputs))
    for name in ("intra", "inter", "grad of values", "grad of beta"):
        assert rms(actual[name] - expected[name]) <= 2**-4 * rms(expected[name]), name
    error = rms(actual["grad of weight"] - expected["grad of weight"])
    assert error <= 0.25 * rms(expected["grad of weight"])


def test_gradients():
    inputs = draw((2, 3, 2, 2, 2, 1))
    tensors = [inputs[name].requires_grad_() for name in GRADIENTS]

    def outputs(features, weight, gamma, beta, values):
        norm = PriorNorm(gamma, beta, None, None, training=True)
        intra, inter, terms = context_prior(
            features, weight, norm, values, inputs["labels"], inputs["key_labels"],
            impl="fused",
        )  # fmt: skip
        return intra, inter, *terms[:4]

    assert torch.autograd.gradcheck(outputs, tensors, fast_mode=True)


def test_context_without_labels():
    check_context_without_labels()


@pytest.mark.parametrize("layout", ["channels first", "slice"])
def test_strides_do_not_matter(layout):
    check_strides_do_not_matter(layout)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_nan_shows_where_it_is():
    inputs = draw(SHAPES["square"])
    inputs["features"][1, 2, 3] = torch.nan
    found = run("fused", inputs, training=False)
    assert found["intra"][1, 2].isnan().all()
    assert found["inter"][1, 2].isnan().all()
    assert found["intra"][0].isfinite().all()
    assert found["unary"].isnan()
    assert found["grad of weight"].isnan().any()


def test_saturated_logits_stay_finite(monkeypatch):
    set_blocks(monkeypatch, Blocks(8, 32, 4))
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


def test_moments_of_several_images_at_once(monkeypatch):
    monkeypatch.setattr(moments, "AT_ONCE", 2)
    features, mean = torch.randn(5, 7, 8).double().mT.contiguous().mT, torch.randn(8).double()
    matrix, row = torch.randn(2, 4, 4).double(), torch.randn(8).double()
    room = torch.zeros(2, 4, 4).double()
    found = moments._add_second_of_batches(room, features, mean, torch.float64)
    torch.testing.assert_close(found, moments.second(features, mean, 2), **EXACT)
    found = moments._centred_product_of_batches(
        torch.empty_like(features), features, mean, matrix, row
    )
    expected = moments.centred_product(features, mean, matrix, row)
    torch.testing.assert_close(found, expected, **EXACT)


@pytest.mark.parametrize("shape", [(3, 20, 20), (2, 65, 7), (5, 9, 9), (1, 1, 1), (2, 200, 3)])
def test_chunks_cover_every_query_once(shape):
    B, N, M = shape
    seen = torch.zeros(B, N)
    for images, rows in chunk_plan.chunk_spans(B, N, M, "bf16"):
        assert rows.start % chunk_plan.STEP == 0
        assert (images.stop - images.start) * (rows.stop - rows.start) * M <= 170 + 8 * M
        seen[images, rows] += 1
    assert (seen == 1).all()


def test_rows_that_begin_anywhere_are_copied():
    maps = torch.zeros(2, 16, 8 * 9, dtype=torch.bfloat16)
    view = maps[..., :64].mT  # rows of 72 numbers
    assert batched.aligned(view) is view
    odd = torch.zeros(2, 16, 9409, dtype=torch.bfloat16).mT
    assert batched.aligned(odd).stride() == (16 * 9409, 16, 1)
    hopeless = torch.zeros(2, 5, 9, dtype=torch.bfloat16).mT
    assert batched.aligned(hopeless) is hopeless


@pytest.mark.parametrize(("keys", "groups", "width"), [(9, 1, 12), (12, 1, 12), (10, 2, 10)])
def test_products_take_whole_lines_of_keys(monkeypatch, keys, groups, width):
    """Rows of an odd number of keys are several times as slow on a GPU."""
    seen = set()
    product = chunks.multiply

    def multiply(a, b, out):
        seen.add(b.shape[1] if out.shape[2] == 4 else b.shape[2])
        product(a, b, out)

    monkeypatch.setattr(chunks, "multiply", multiply)
    inputs = chunks.FoldedInputs(
        torch.rand(2, 6, 8), torch.rand(keys, 8 // groups), torch.rand(keys),
        torch.rand(2, keys, 4), None, None, None, groups, False,
    )  # fmt: skip
    chunks.forward(inputs, "ieee", torch.float32)
    assert seen == ({width} if groups == 1 else {keys, keys // groups})


def test_half_precision_and_small_batches_stay_in_tiles(monkeypatch):
    inputs = chunks.FoldedInputs(
        torch.zeros(2, 20, 8), torch.zeros(20, 8), torch.zeros(20), torch.zeros(2, 20, 5),
        None, None, None, 1, False,
    )  # fmt: skip
    assert fused.in_chunks("bf16", inputs)
    assert not fused.in_chunks("tf32", inputs)
    monkeypatch.setitem(chunk_plan.CHUNKS, "bf16", Chunking(801, 170, 1, True))
    assert not fused.in_chunks("bf16", inputs)


PEAK = """
import os
os.environ["TRITON_INTERPRET"] = "1"
import torch
from contextseg.ops.context_prior import PriorNorm, chunk_plan, chunks, context_prior
from tests.peak_memory import peak
torch.set_num_threads(1)
class Idle:
    def __getitem__(self, grid):
        return lambda *arguments, **constants: None
for name in ("prior_kernel", "slopes_kernel", "contexts_kernel"):
    setattr(chunks, name, Idle())  # they can allocate nothing: what they are given is all there is
chunk_plan.CHUNKS["float32"] = chunk_plan.Chunking(0, 1_000_000, 64, True)
def step(N):
    features = torch.randn(1, N, 16, requires_grad=True)
    weight = torch.randn(N, 16, requires_grad=True)
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
