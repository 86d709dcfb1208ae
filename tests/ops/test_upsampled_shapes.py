"""Both upsampled operators at drawn shapes, in every layout, and as operators of PyTorch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from contextseg.ops import upsampled_argmax, upsampled_cells, upsampled_cross_entropy
from contextseg.ops.upsampled_argmax import eager as argmax_eager
from tests.ops.test_upsampled_cross_entropy import assert_equal, run

sides = st.tuples(st.integers(1, 7), st.integers(1, 7))
image_sides = st.tuples(st.integers(1, 23), st.integers(1, 23))
drawn = {
    "seed": st.integers(0, 2**16),
    "images": st.integers(0, 3),
    "classes": st.integers(1, 9),
    "coarse": sides,
    "size": image_sides,
    "align_corners": st.booleans(),
}


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    """Several blocks an image, as large images have."""
    whole = dict(upsampled_cells.BLOCK_BYTES)
    upsampled_cells.BLOCK_BYTES.update(cpu=3000, cuda=3000)
    yield
    upsampled_cells.BLOCK_BYTES.update(whole)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(**drawn, smoothing=st.sampled_from([0.0, 0.3]), weighted=st.booleans())
def test_the_loss_equals_the_formula_at_any_shape(
    seed, images, classes, coarse, size, align_corners, smoothing, weighted
):
    torch.manual_seed(seed)
    logits = torch.randn(images, classes, *coarse, dtype=torch.float64)
    labels = torch.randint(classes, (images, *size))
    labels[torch.rand(labels.shape) < 0.2] = 255
    options = {"align_corners": align_corners, "label_smoothing": smoothing}
    assert_equal("eager", logits, labels, options | {"class_weights": weighted})


@settings(deadline=None, max_examples=25, derandomize=True)
@given(**drawn)
def test_the_classes_equal_the_formula_at_any_shape(
    seed, images, classes, coarse, size, align_corners
):
    torch.manual_seed(seed)
    logits = torch.randn(images, classes, *coarse, dtype=torch.float64)
    labels, confidence = upsampled_argmax(
        logits, size, align_corners=align_corners, confidence=True
    )
    # What PyTorch does not interpolate: nothing.
    upsampled = logits.new_zeros(0, classes, *size)
    if images:
        upsampled = F.interpolate(logits, size, mode="bilinear", align_corners=align_corners)
    torch.testing.assert_close(confidence, upsampled.softmax(1).amax(1))
    # The class found is the best, if only by a rounding.
    found = upsampled.gather(1, labels[:, None])[:, 0]
    torch.testing.assert_close(found, upsampled.amax(1), rtol=0, atol=1e-12)


def layouts(maps: Tensor) -> dict[str, Tensor]:
    """The same numbers in every layout that a network may hand over."""
    wide = torch.cat([maps, maps], dim=1)
    return {
        "contiguous": maps.contiguous(),
        "channels_last": maps.contiguous(memory_format=torch.channels_last),
        "slice": wide[:, : maps.shape[1]],
        "transposed": maps.mT.contiguous().mT,
    }


@pytest.mark.parametrize("impl", ["reference", "eager", "fused"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "slice", "transposed"])
def test_every_layout(layout, impl, device):
    maps = torch.randn(2, 5, 3, 4, dtype=torch.float64, device=device)
    labels = torch.randint(5, (2, 5, 7), device=device)
    given = layouts(maps)[layout]
    expected = run("reference", maps, labels, {"label_smoothing": 0.1})
    for name, value in run(impl, given, labels, {"label_smoothing": 0.1}).items():
        torch.testing.assert_close(value, expected[name])
    assert torch.equal(
        upsampled_argmax(given, (5, 7), impl=impl),
        upsampled_argmax(maps, (5, 7), impl="reference"),
    )


@pytest.mark.parametrize("value", [torch.inf, -torch.inf], ids=str)
@pytest.mark.parametrize("impl", ["reference", "eager", "fused"])
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_infinite_logits_show(impl, value, device):
    logits = torch.randn(1, 3, 5, 5, dtype=torch.float64, device=device)
    logits[0, 1, 2, 2] = value
    labels = torch.ones(1, 20, 20, dtype=torch.uint8, device=device)
    total, _ = upsampled_cross_entropy(logits, labels, impl=impl)
    assert not total.isfinite()


@pytest.mark.parametrize("confidence", [False, True])
@pytest.mark.parametrize("impl", ["eager", "fused"])
def test_the_classes_are_a_sound_torch_operator(impl, confidence, device):
    operators = {"eager": argmax_eager.best_classes_op}
    if impl == "fused":
        from contextseg.ops.upsampled_argmax import fused

        operators["fused"] = fused.best_classes
    coarse = torch.randn(2, 3, 4, 5, device=device)
    arguments = (9, 7, True, confidence, torch.uint8)
    torch.library.opcheck(operators[impl], (coarse, *arguments))
    torch.library.opcheck(operators[impl], (coarse[:0], *arguments))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("impl", ["eager", "fused"])
def test_autocast_changes_no_class(impl, dtype, device):
    coarse, size = torch.randn(2, 5, 3, 4, device=device).to(dtype), (9, 11)
    expected = upsampled_argmax(coarse, size, confidence=True, impl=impl)
    with torch.autocast(device.type, torch.bfloat16):
        actual = upsampled_argmax(coarse, size, confidence=True, impl=impl)
    for one, other in zip(actual, expected, strict=True):
        assert torch.equal(one, other)


class Loss(nn.Module):
    def forward(self, coarse: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        total, weight = upsampled_cross_entropy(
            coarse, labels, class_weights=weights, label_smoothing=0.1
        )
        return total / weight


def test_the_loss_exports_as_pytorch_operators():
    inputs = torch.randn(2, 3, 6, 8), torch.randint(3, (2, 24, 32)), torch.rand(3) + 0.5
    sizes = ({2: torch.export.Dim.DYNAMIC}, {1: torch.export.Dim.DYNAMIC}, None)
    program = torch.export.export(Loss(), inputs, dynamic_shapes=sizes)
    calls = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert calls
    assert not [call for call in calls if "contextseg" in call]
    others = torch.randn(2, 3, 9, 8), torch.randint(3, (2, 50, 32)), inputs[2]
    torch.testing.assert_close(program.module()(*others), Loss()(*others))
