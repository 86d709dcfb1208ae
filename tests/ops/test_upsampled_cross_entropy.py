"""Upsampled cross-entropy: every form against the plain formula, values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from contextseg.ops import upsampled_cells, upsampled_cross_entropy
from tests.oracle import assert_as_exact
from tests.peak_memory import printed_by

SIZES = {  # coarse size, image size
    "larger": ((3, 4), (13, 14)),
    "one feature": ((1, 1), (7, 5)),
    "same": ((5, 5), (5, 5)),
    "smaller": ((9, 8), (4, 5)),
    "both": ((6, 3), (4, 20)),
}
OPTIONS = [
    {},
    {"align_corners": True},
    {"class_weights": True},
    {"label_smoothing": 0.1},
    {"class_weights": True, "label_smoothing": 0.2, "align_corners": True},
    {"ohem_threshold": 0.3, "ohem_min_kept": 5},
    {"ohem_threshold": 0.01, "ohem_min_kept": 20, "class_weights": True},
]
FORMS = ["eager", pytest.param("fused", marks=pytest.mark.slow)]
KERNEL_SIZES = {
    # Triton's interpreter takes milliseconds a pixel; blocks are small to match.
    **SIZES, "larger": ((2, 3), (5, 7)), "both": ((4, 3), (3, 10)), "smaller": ((5, 7), (3, 2)),
}  # fmt: skip


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Several blocks an image, as large images have."""
    monkeypatch.setattr(upsampled_cells, "BLOCK_BYTES", {"cpu": 20_000, "cuda": 20_000})
    if not torch.cuda.is_available():
        fused = pytest.importorskip("contextseg.ops.upsampled_cross_entropy.fused")
        sizes = {"BLOCK_W": 4, "MOST_ROWS": 2, "BLOCK_L": 8, "CELLS": 2, "MOST_SLOTS": 2}
        for name, size in sizes.items():
            monkeypatch.setattr(fused, name, size)


def larger(impl: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Sizes of features and of a larger image, with a rest in every block."""
    return (KERNEL_SIZES if impl == "fused" else SIZES)["larger"]


def draw(device, sizes, dtype=torch.float64, num_classes: int = 5) -> tuple[Tensor, Tensor]:
    logits = torch.randn(2, num_classes, *sizes[0]).to(device, dtype)
    labels = torch.randint(num_classes, (2, *sizes[1]), dtype=torch.uint8).to(device)
    labels[0, :2] = 255
    return logits, labels


def run(impl: str, logits: Tensor, labels: Tensor, options: dict) -> dict[str, Tensor]:
    options = dict(options)
    if options.pop("class_weights", False):
        options["class_weights"] = torch.linspace(0.5, 2, logits.shape[1], device=logits.device)
    logits = logits.detach().requires_grad_()
    total, weight = upsampled_cross_entropy(logits, labels, impl=impl, **options)
    (grad,) = torch.autograd.grad(3 * total, logits)
    return {"total": total.detach(), "weight": weight, "grad": grad}


def assert_equal(impl: str, logits: Tensor, labels: Tensor, options: dict) -> None:
    expected, actual = (run(form, logits, labels, options) for form in ("reference", impl))
    for name in expected:
        torch.testing.assert_close(actual[name], expected[name], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_equals_the_formula(sizes, options, device):
    assert_equal("eager", *draw(device, sizes), options)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_kernel_equals_the_formula(options, device):
    assert_equal("fused", *draw(device, KERNEL_SIZES["larger"]), options)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("sizes", KERNEL_SIZES.values(), ids=KERNEL_SIZES)
@pytest.mark.slow
def test_kernel_equals_the_formula_at_any_size(sizes, align_corners, device):
    assert_equal("fused", *draw(device, sizes), {"align_corners": align_corners})


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_logits_too_far_apart_for_their_exponentials(options, device):
    logits, labels = draw(device, SIZES["larger"])
    assert_equal("eager", 500 * logits, labels, options)


@pytest.mark.parametrize("num_classes", [1, 8, 19])
@pytest.mark.parametrize("impl", FORMS)
def test_numbers_of_classes(impl, num_classes, device):
    assert_equal(impl, *draw(device, ((2, 3), (3, 5)), num_classes=num_classes), {})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("impl", FORMS)
def test_as_exact_as_the_formula(impl, dtype, device):
    logits, labels = draw(device, larger(impl), dtype)
    actual, rounded = (run(form, logits, labels, {}) for form in (impl, "reference"))
    exact = run("reference", logits.double(), labels, {})
    for name in ("total", "grad"):
        assert_as_exact(actual[name], rounded[name], exact[name], name)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("impl", FORMS)
def test_gradients(impl, smoothing, device):
    logits, labels = draw(device, ((2, 2), (3, 4)), num_classes=3)
    logits.requires_grad_()
    options = {"label_smoothing": smoothing, "impl": impl}
    assert torch.autograd.gradcheck(
        lambda x: upsampled_cross_entropy(x, labels, **options).total,
        [logits],
        fast_mode=impl == "fused",
    )


@pytest.mark.parametrize("impl", FORMS)
def test_nothing_labelled(impl, device):
    logits, labels = draw(device, larger(impl))
    result = run(impl, logits, torch.full_like(labels, 255), {"label_smoothing": 0.1})
    assert result["total"] == result["weight"] == 0
    assert (result["grad"] == 0).all()


@pytest.mark.parametrize("options", [{"label_smoothing": 0.1}, {"ohem_threshold": 0.7}], ids=str)
@pytest.mark.parametrize("impl", FORMS)
def test_no_images(impl, options, device):
    logits, labels = draw(device, larger(impl))
    result = run(impl, logits[:0], labels[:0], options)
    assert result["total"] == result["weight"] == 0
    assert result["grad"].shape == (0, 5, *larger(impl)[0])


@pytest.mark.parametrize("impl", FORMS)
def test_another_ignored_label(impl, device):
    logits, labels = draw(device, larger(impl))
    labels = torch.where(labels == 255, -100, labels.long())
    assert_equal(impl, logits, labels, {"ignore_index": -100})


@pytest.mark.parametrize("impl", FORMS)
def test_nan_shows(impl, device):
    logits, labels = draw(device, SIZES["same"])
    logits[1, 0, 4, 4] = torch.nan
    assert upsampled_cross_entropy(logits, labels, impl=impl).total.isnan()


@pytest.mark.parametrize("impl", FORMS)
def test_no_gradient_is_computed_where_none_is_wanted(impl, device):
    logits, labels = draw(device, larger(impl))
    expected = upsampled_cross_entropy(logits, labels, impl="reference").total
    with torch.no_grad():
        total = upsampled_cross_entropy(logits.requires_grad_(), labels, impl=impl).total
    assert not total.requires_grad
    torch.testing.assert_close(total, expected)


@pytest.mark.parametrize("impl", FORMS)
def test_second_derivatives_are_refused(impl, device):
    logits, labels = draw(device, SIZES["same"])
    logits.requires_grad_()
    total = upsampled_cross_entropy(logits, labels, impl=impl).total

    def twice() -> None:
        (grad,) = torch.autograd.grad(total, logits, create_graph=True)
        grad.square().sum().backward()

    with pytest.raises(RuntimeError, match="no second derivatives; take impl='reference'"):
        twice()


def test_a_label_that_is_no_class():
    logits, labels = draw("cpu", SIZES["same"])
    labels[1, 2, 3] = 7
    message = r"labels must be 0 to 4, the classes of coarse_logits, or ignore_index 255, got 7"
    with pytest.raises(IndexError, match=message):
        upsampled_cross_entropy(logits, labels)


def test_a_label_that_is_no_class_makes_the_loss_of_the_kernel_nan(device):
    logits, labels = draw(device, SIZES["same"])
    labels[1, 2, 3] = 7
    assert upsampled_cross_entropy(logits, labels, impl="fused").total.isnan()


def test_wrong_inputs():
    logits, labels = draw("cpu", SIZES["same"])
    with pytest.raises(ValueError, match=r"labels \[B, h, w\] of one B, got .* and \[1, 5, 5\]"):
        upsampled_cross_entropy(logits, labels[:1])
    with pytest.raises(ValueError, match=r"class_weights must be \[L\] with L = 5 .* got \[4\]"):
        upsampled_cross_entropy(logits, labels, class_weights=torch.ones(4))
    with pytest.raises(TypeError, match=r"got torch.float64 and torch.float32"):
        upsampled_cross_entropy(logits, labels.float())
    with pytest.raises(ValueError, match="impl must be one of"):
        upsampled_cross_entropy(logits, labels, impl="fast")


@pytest.mark.parametrize("impl", FORMS)
def test_autocast_changes_nothing(impl, device):
    logits, labels = draw(device, larger(impl), torch.float32)
    expected = run(impl, logits, labels, {"label_smoothing": 0.1})
    with torch.autocast(device.type, dtype=torch.bfloat16):
        actual = run(impl, logits, labels, {"label_smoothing": 0.1})
    for name in expected:
        torch.testing.assert_close(actual[name], expected[name], rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"ohem_threshold": 0.3, "ohem_min_kept": 5}], ids=str)
def test_compiles_whole(options):
    logits, labels = draw("cpu", SIZES["larger"])
    logits.requires_grad_()

    def mean(x: Tensor, y: Tensor) -> Tensor:
        total, weight = upsampled_cross_entropy(2 * x, y, **options)
        return total / weight

    results = []
    for form in (mean, torch.compile(mean, fullgraph=True, backend="aot_eager")):
        loss = form(logits, labels)
        results.append((loss.detach(), *torch.autograd.grad(loss, logits)))
    torch.testing.assert_close(results[1], results[0])


@pytest.mark.slow
def test_are_sound_torch_operators(device):
    from contextseg.ops.upsampled_cross_entropy import eager, fused

    logits, labels = draw(device, ((2, 3), (5, 7)), torch.float32, 3)
    torch.library.opcheck(eager.pixel_losses_op, (logits, labels, 255, False))
    for with_gradient in (False, True):
        arguments = (logits, labels, None, 0.1, 255, False, with_gradient)
        torch.library.opcheck(eager.loss_and_gradient_op, arguments)
    logits.requires_grad_()
    target = torch.where(labels == 255, -1, labels.long())
    torch.library.opcheck(fused.log_sum_and_true, (logits, target, True))


# 60 classes at 480 x 480 pixels: one tensor [B, L, h, w] takes 105 MiB.
MEMORY = """
import torch
from contextseg.ops import upsampled_cross_entropy
from tests.peak_memory import peak
torch.set_num_threads(1)
logits = torch.randn(2, 60, 30, 30, requires_grad=True)
labels = torch.zeros(2, 480, 480, dtype=torch.uint8)
upsampled_cross_entropy(logits[:1, :, :4, :4], labels[:1, :16, :16], {options}).total.backward()
before = peak()
upsampled_cross_entropy(logits, labels, {options}).total.backward()
print(peak() - before)
"""


@pytest.mark.parametrize("options", ["label_smoothing=0.1", "ohem_threshold=0.7"])
@pytest.mark.slow
def test_upsampled_logits_are_never_in_memory(options):
    upsampled = 2 * 60 * 480 * 480 * 4 / 2**20
    (eager,) = printed_by(MEMORY.format(options=options))
    (reference,) = printed_by(MEMORY.format(options=f"{options}, impl='reference'"))
    assert eager < upsampled / 2 < 2 * upsampled < reference
    assert eager < reference / 8
