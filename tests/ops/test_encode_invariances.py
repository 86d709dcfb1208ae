"""The encoding op on drawn shapes and far from the origin."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from contextseg.ops import encode
from contextseg.ops.encode import products
from tests.ops.test_encode import FAST, IMPLS, draw, run

sizes = st.tuples(st.integers(0, 3), st.integers(1, 70), st.integers(1, 40), st.integers(1, 20))
CPU = torch.device("cpu")


@pytest.mark.parametrize("impl", FAST)
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**16), shape=sizes)
@pytest.mark.slow
def test_any_shape_equals_the_formula(impl, seed, shape):
    torch.manual_seed(seed)
    inputs = draw(shape)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    expected, actual = (run(form, inputs, torch.float64, device) for form in ("reference", impl))
    for name in expected:
        torch.testing.assert_close(actual[name], expected[name], rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**16), shift=st.floats(-3, 3))
def test_pixel_order_and_origin_do_not_matter(seed, shift):
    torch.manual_seed(seed)
    features, codewords, smoothing = draw((1, 12, 4, 3))
    expected = encode(features, codewords, smoothing)
    moved = encode(features.flip(1) + shift, codewords + shift, smoothing)
    torch.testing.assert_close(moved, expected)


@pytest.mark.parametrize("impl", IMPLS)
def test_moving_everything_far_away_changes_nothing(impl, device):
    # Multiples of 1/64 that are moved by 2^12 are exact in float32.
    features, codewords, smoothing = draw((1, 200, 64, 8), torch.float32)
    features, codewords = (torch.round(64 * t) / 64 for t in (features, codewords))
    near, far = ([features + by, codewords + by, smoothing] for by in (0.0, 4096.0))
    exact = run("reference", near, torch.float64, device)
    moved = run(impl, far, torch.float32, device)
    for name in exact:
        error = (moved[name] - exact[name]).abs().max()
        assert error <= 1e-5 * exact[name].abs().max(), name


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**16),
    channels=st.sampled_from([1, 16, 512]),
    origin=st.sampled_from([0.0, 1.0, 1e3, 1e6]),
    spread=st.sampled_from([1e-3, 1.0, 100.0]),
)
def test_squared_distances_stay_within_the_bound(seed, channels, origin, spread):
    torch.manual_seed(seed)
    x = origin + torch.randn(20, channels)
    d = origin + spread * torch.randn(6, channels)
    book = products.codebook(d, torch.ones(6), torch.float32)
    _, distances = products.assign(x - book.centre, book)
    exact = torch.cdist(x.double(), d.double(), compute_mode="donot_use_mm_for_euclid_dist")
    radius = (d.double() - d.double().mean(0)).norm(dim=-1).max()
    unit = torch.finfo(torch.float32).eps / 2
    bound = (channels + 8) * unit * (exact + 2 * radius) ** 2
    assert ((distances - exact**2).abs() <= bound).all()
