"""Context prior on a GPU: chunks, and tiles by their own plan, against the dense formula."""

from __future__ import annotations

import pytest
import torch

from benchmarks.measuring import extra_cuda_mib
from contextseg.ops.context_prior import PriorNorm, chunk_plan, context_prior
from contextseg.ops.context_prior.chunk_plan import Chunking
from tests.ops.context_prior_runs import EXACT, OPTIONS, SHAPES, assert_equal, draw, run
from tests.oracle import rms

pytestmark = pytest.mark.gpu

LARGE = (2, 700, 700, 96, 72, 1)  # several chunks, tiles of queries, keys, channels and columns
BOUNDS = {torch.float32: 2**-9, torch.float16: 2**-8, torch.bfloat16: 2**-5}
"""Error of each output by its size: tensor cores multiply ten bits of float32 and more."""


@pytest.fixture(params=["chunks", "tiles"])
def form(request, monkeypatch):
    cut = Chunking(least=0, pairs=200_000, rows=1, exact=True)
    table = dict.fromkeys(chunk_plan.CHUNKS, cut) if request.param == "chunks" else {}
    monkeypatch.setattr(chunk_plan, "CHUNKS", table)


def on_gpu(shape, dtype=torch.float64):
    return {name: tensor.cuda() for name, tensor in draw(shape, dtype).items()}


def widened(inputs):
    return {n: v.double() if v.is_floating_point() else v for n, v in inputs.items()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", [*SHAPES.values(), LARGE], ids=str)
@pytest.mark.usefixtures("form")
def test_equals_the_formula(shape, options, training):
    if options["diagonal"] == "remove" and shape[1] != shape[2]:
        pytest.skip("the diagonal is there for as many queries as keys only")
    inputs = on_gpu(shape)
    expected, actual = (run(i, inputs, training, **options) for i in ("reference", "fused"))
    assert_equal(actual, expected, **EXACT)


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("shape", [SHAPES["square"], SHAPES["groups"], LARGE], ids=str)
@pytest.mark.usefixtures("form")
def test_close_to_the_exact_values(shape, dtype):
    inputs = on_gpu(shape, dtype)
    actual, exact = run("fused", inputs), run("reference", widened(inputs))
    for name in actual:
        if name != "counts":
            assert torch.isfinite(actual[name]).all(), name
            assert rms(actual[name] - exact[name]) <= BOUNDS[dtype] * rms(exact[name]), name


def training_step(B: int, N: int, C: int):
    """A step whose features can be changed, and the features."""
    features = torch.randn(B, N, C, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    weight = torch.randn(N, C, device="cuda", requires_grad=True)
    statistics = (torch.zeros(N, device="cuda"), torch.ones(N, device="cuda"))
    norm = PriorNorm(statistics[1].clone(), statistics[0].clone(), *statistics, training=True)
    labels = torch.randint(9, (B, N), device="cuda")

    def step():
        intra, inter, terms = context_prior(features, weight, norm, features, labels)
        loss = intra.float().sum() + inter.float().square().sum() + sum(terms[:4])
        return torch.autograd.grad(loss, (features, weight))

    return step, features


def test_no_prior_in_memory():
    N = 9409
    four, eight = (extra_cuda_mib(training_step(B, N, 64)[0]) for B in (4, 8))
    prior = 4 * N * N * 2 / 2**20  # MiB of four images in bfloat16
    assert eight - four < prior / 5, "memory of chunks is that of all images"


@pytest.mark.usefixtures("form")
def test_replays_in_a_cuda_graph():
    step, features = training_step(2, 700, 64)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()  # compiles
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step()
    with torch.no_grad():
        features.copy_(torch.randn_like(features))
    graph.replay()
    for replayed, called in zip(captured, step(), strict=True):
        assert torch.equal(replayed, called)
