"""Context prior on a GPU: the kernel, its own plan of tiles, against the dense formula."""

from __future__ import annotations

import pytest
import torch

from benchmarks.measuring import extra_cuda_mib
from contextseg.ops.context_prior import PriorNorm, context_prior
from tests.ops.context_prior_runs import EXACT, OPTIONS, SHAPES, assert_equal, draw, run
from tests.oracle import rms

pytestmark = pytest.mark.gpu

LARGE = (2, 700, 700, 96, 72, 1)  # several tiles of queries, keys, channels and columns
BOUNDS = {torch.float32: 2**-9, torch.float16: 2**-8, torch.bfloat16: 2**-5}
"""Error of each output by its size: tensor cores multiply ten bits of float32 and more."""


def on_gpu(shape, dtype=torch.float64):
    return {name: tensor.cuda() for name, tensor in draw(shape, dtype).items()}


def widened(inputs):
    return {n: v.double() if v.is_floating_point() else v for n, v in inputs.items()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("shape", [*SHAPES.values(), LARGE], ids=str)
def test_equals_the_formula(shape, options, training):
    if options["diagonal"] == "remove" and shape[1] != shape[2]:
        pytest.skip("the diagonal is there for as many queries as keys only")
    inputs = on_gpu(shape)
    expected, actual = (run(i, inputs, training, **options) for i in ("reference", "fused"))
    assert_equal(actual, expected, **EXACT)


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("shape", [SHAPES["square"], SHAPES["groups"], LARGE], ids=str)
def test_close_to_the_exact_values(shape, dtype):
    inputs = on_gpu(shape, dtype)
    actual, exact = run("fused", inputs), run("reference", widened(inputs))
    for name in actual:
        if name != "counts":
            assert torch.isfinite(actual[name]).all(), name
            assert rms(actual[name] - exact[name]) <= BOUNDS[dtype] * rms(exact[name]), name


def test_no_prior_in_memory():
    N, C = 9409, 64
    features = torch.randn(1, N, C, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    weight = torch.randn(N, C, device="cuda", requires_grad=True)
    statistics = (torch.zeros(N, device="cuda"), torch.ones(N, device="cuda"))
    norm = PriorNorm(statistics[1].clone(), statistics[0].clone(), *statistics, training=True)
    labels = torch.randint(9, (1, N), device="cuda")

    def step():
        intra, inter, terms = context_prior(features, weight, norm, features, labels)
        (intra.float().sum() + inter.float().square().sum() + sum(terms[:4])).backward()

    prior = N * N * 2 / 2**20  # MiB in bfloat16
    assert extra_cuda_mib(step) < prior / 4
