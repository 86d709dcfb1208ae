"""Upsampled cross-entropy: strips against the plain formula, values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from contextseg.ops import upsampled_cross_entropy, upsampled_rows
from tests.oracle import assert_as_exact
from tests.peak_memory import printed_by

SIZES = {  # coarse size, image size
    "larger": ((4, 6), (33, 40)),
    "one feature": ((1, 1), (7, 5)),
    "same": ((5, 5), (5, 5)),
    "smaller": ((9, 8), (4, 5)),
}
OPTIONS = [
    {},
    {"align_corners": True},
    {"class_weights": True},
    {"label_smoothing": 0.1},
    {"class_weights": True, "label_smoothing": 0.2},
    {"ohem_threshold": 0.3, "ohem_min_kept": 5},
    {"ohem_threshold": 0.01, "ohem_min_kept": 20, "class_weights": True},
]


@pytest.fixture(autouse=True)
def small_strips(monkeypatch):
    """Several strips an image, as large images have."""
    monkeypatch.setattr(upsampled_rows, "STRIP_BYTES", {"cpu": 4000, "cuda": 4000})


def draw(sizes, dtype=torch.float64, num_classes: int = 5) -> tuple[Tensor, Tensor]:
    logits = torch.randn(2, num_classes, *sizes[0]).to(dtype)
    labels = torch.randint(num_classes, (2, *sizes[1]), dtype=torch.uint8)
    labels[0, :2] = 255
    return logits, labels


def run(impl: str, logits: Tensor, labels: Tensor, options: dict) -> dict[str, Tensor]:
    options = dict(options)
    if options.pop("class_weights", False):
        options["class_weights"] = torch.linspace(0.5, 2, logits.shape[1])
    logits = logits.detach().requires_grad_()
    total, weight = upsampled_cross_entropy(logits, labels, impl=impl, **options)
    (grad,) = torch.autograd.grad(3 * total, logits)
    return {"total": total.detach(), "weight": weight, "grad": grad}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_equals_the_formula(sizes, options):
    logits, labels = draw(sizes)
    expected, actual = (run(impl, logits, labels, options) for impl in ("reference", "eager"))
    for name in expected:
        torch.testing.assert_close(actual[name], expected[name], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_as_exact_as_the_formula(dtype):
    logits, labels = draw(SIZES["larger"], dtype)
    actual, rounded = (run(impl, logits, labels, {}) for impl in ("eager", "reference"))
    exact = run("reference", logits.double(), labels, {})
    for name in ("total", "grad"):
        assert_as_exact(actual[name], rounded[name], exact[name], name)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradients(smoothing):
    logits, labels = draw(((2, 3), (5, 7)))
    logits.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: upsampled_cross_entropy(x, labels, label_smoothing=smoothing).total, [logits]
    )


def test_layout_of_the_logits_does_not_matter():
    logits, labels = draw(SIZES["larger"])
    last = logits.contiguous(memory_format=torch.channels_last)
    expected = run("eager", logits, labels, {})
    for name, value in run("eager", last, labels, {}).items():
        torch.testing.assert_close(value, expected[name])


def test_nothing_labelled():
    logits, labels = draw(SIZES["larger"])
    result = run("eager", logits, torch.full_like(labels, 255), {"label_smoothing": 0.1})
    assert result["total"] == result["weight"] == 0
    assert (result["grad"] == 0).all()


def test_nan_shows():
    logits, labels = draw(SIZES["same"])
    logits[1, 0, 4, 4] = torch.nan
    assert upsampled_cross_entropy(logits, labels).total.isnan()


def test_second_derivatives_are_refused():
    logits, labels = draw(SIZES["same"])
    logits.requires_grad_()
    total = upsampled_cross_entropy(logits, labels).total
    with pytest.raises(RuntimeError, match="no second derivatives; take impl='reference'"):
        torch.autograd.grad(total, logits, create_graph=True)


def test_wrong_inputs():
    logits, labels = draw(SIZES["same"])
    with pytest.raises(ValueError, match=r"labels \[B, h, w\] of one B, got .* and \[1, 5, 5\]"):
        upsampled_cross_entropy(logits, labels[:1])
    with pytest.raises(ValueError, match=r"class_weights must be \[L\] with L = 5 .* got \[4\]"):
        upsampled_cross_entropy(logits, labels, class_weights=torch.ones(4))
    with pytest.raises(TypeError, match=r"got torch.float64 and torch.float32"):
        upsampled_cross_entropy(logits, labels.float())


MEMORY = """
import torch
from contextseg.ops import upsampled_cross_entropy
from tests.peak_memory import peak
torch.set_num_threads(1)
logits = torch.randn(2, 60, 30, 30, requires_grad=True)
labels = torch.zeros(2, 480, 480, dtype=torch.uint8)
upsampled_cross_entropy(logits[:1, :, :4, :4], labels[:1, :16, :16]).total.backward()
before = peak()
upsampled_cross_entropy(logits, labels, impl="{impl}").total.backward()
print(peak() - before)
"""


def test_upsampled_logits_are_never_in_memory():
    (eager,), (reference,) = (printed_by(MEMORY.format(impl=i)) for i in ("eager", "reference"))
    upsampled = 2 * 60 * 480 * 480 * 4 / 2**20  # MiB of one tensor [B, L, h, w]
    assert eager < upsampled / 2 < 2 * upsampled < reference
