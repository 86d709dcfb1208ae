"""Products of matrices are the same in both libraries, and the faster one is chosen once."""

from __future__ import annotations

import pytest
import torch

from contextseg.ops.context_prior import faster_library
from contextseg.ops.context_prior.products import add_product, linear, takes_onednn


@pytest.fixture
def timing(monkeypatch):
    """Sets the seconds that the default library and oneDNN seem to take; counts measurements."""
    calls = []

    def pretend(default: float, onednn: float) -> list[int]:
        def shortest(*_: object) -> list[float]:
            calls.append(1)
            return [default, onednn]

        monkeypatch.setattr(faster_library, "shortest", shortest)
        monkeypatch.setattr(faster_library, "has_onednn", lambda: True)
        faster_library.onednn_wins.cache_clear()
        return calls

    yield pretend
    faster_library.onednn_wins.cache_clear()


@pytest.mark.parametrize(
    ("default", "onednn", "taken"), [(2, 1, True), (1, 2, False), (1, 1, False), (1.2, 1, False)]
)
def test_the_library_that_was_faster_is_taken(timing, default, onednn, taken):
    calls = timing(default, onednn)
    a, b = torch.empty(200, 300), torch.empty(300, 100)
    assert takes_onednn(a, b) is taken
    assert takes_onednn(a, b) is taken
    assert len(calls) == 1
    large = torch.empty(1, 1).expand(4000, 4000)
    assert takes_onednn(large, large) is taken
    assert len(calls) == 1


def test_small_products_and_other_dtypes_are_notonednn_wins(timing):
    calls = timing(2, 1)
    assert not takes_onednn(torch.empty(16, 512), torch.empty(512, 16))
    assert not takes_onednn(torch.empty(0, 512), torch.empty(512, 9999))
    double = torch.empty(200, 300, dtype=torch.float64)
    assert not takes_onednn(double, double.T)
    with torch.backends.mkldnn.flags(enabled=False):
        assert not takes_onednn(torch.empty(200, 300), torch.empty(300, 100))
    assert calls == []


def test_a_measurement_leaves_threads_and_draws_as_they_were():
    faster_library.onednn_wins.cache_clear()
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.device("meta"):
        assert isinstance(faster_library.onednn_wins(), bool)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.skipif(not faster_library.has_onednn(), reason="this PyTorch has no oneDNN")
@pytest.mark.parametrize("onednn", [1, 3])
def test_both_libraries_give_the_product(timing, onednn):
    timing(2, onednn)
    x, weight, bias = torch.randn(90, 201)[:, :200], torch.randn(70, 200), torch.randn(70)
    assert takes_onednn(x, weight.T) is (onednn == 1)
    exact = x.double() @ weight.double().T
    buffer = torch.empty(90, 70)
    for given, expected in ((None, exact), (bias, exact + bias)):
        found = linear(x, weight, given, buffer)
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-4)
    total = torch.ones(90, 70)
    add_product(total, x, weight.T, 0.5)
    torch.testing.assert_close(total.double(), 1 + exact / 2, rtol=1e-5, atol=1e-4)
