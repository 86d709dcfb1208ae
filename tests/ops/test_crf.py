"""Mean field, against sums over all pairs of pixels."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from contextseg.ops import crf
from contextseg.ops.crf import lattice
from contextseg.ops.crf.smoothness import smooth

STRONG = {"weights": (5.0, 3.0), "position": 60.0, "colour": 10.0}
"""Kernels that change most labels of `scene`."""


def scene(size: tuple[int, int], classes: int = 4, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Noisy logits and an image, both float64, of two colours divided by a slanted edge."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(*(torch.arange(side) for side in size), indexing="ij")
    side = (2 * columns + rows > size[1] + size[0] // 2).double()
    image = 90 + 80 * side + 4 * torch.randn(2, 3, *size, generator=generator, dtype=torch.float64)
    logits = 1.2 * torch.randn(2, classes, *size, generator=generator, dtype=torch.float64)
    logits[:, 0] += 1 - side
    logits[:, 1] += side
    return logits.to(device), image.to(device)


def by_loops(logits, image, weights, compatibility, position, colour, spread, reach):
    """One iteration, pair by pair."""
    _, L, H, W = logits.shape
    beliefs = logits.softmax(1)
    pixels = [(y, x) for y in range(H) for x in range(W)]

    def kernels(b, p, q):
        if max(abs(p[0] - q[0]), abs(p[1] - q[1])) > (math.inf if reach is None else reach):
            return 0.0, 0.0
        far = (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2
        other = float((image[b, :, *p] - image[b, :, *q]).square().sum())
        return (math.exp(-far / (2 * position**2) - other / (2 * colour**2)),
                math.exp(-far / (2 * spread**2)))  # fmt: skip

    result = logits.clone()
    for b in range(len(logits)):
        sums = {p: [sum(kernels(b, p, q)[m] for q in pixels) for m in (0, 1)] for p in pixels}
        for p in pixels:
            message = torch.zeros(L, dtype=torch.float64)
            for q in pixels:
                for m in (0, 1):
                    if q != p:
                        share = kernels(b, p, q)[m] / math.sqrt(sums[p][m] * sums[q][m])
                        message += weights[m] * share * beliefs[b, :, *q]
            result[b, :, *p] -= compatibility @ message
    return result


@pytest.mark.parametrize("reach", [None, 2])
def test_the_reference_is_the_sum_over_pairs(reach):
    logits, image = scene((4, 5), classes=3)
    weights, compatibility = torch.rand(2, 3).double() * 4, torch.rand(3, 3).double()
    widths = {"position": 3.0, "colour": 40.0, "spread": 1.5}
    found = crf(logits, image, weights=weights, compatibility=compatibility, iterations=1,
                reach=reach, impl="reference", **widths)  # fmt: skip
    expected = by_loops(logits, image, weights, compatibility, reach=reach, **widths)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("reach", [1, 4, 30])
def test_a_window_equals_the_reference(reach, device):
    logits, image = scene((20, 20), device=device)
    options = {"weights": (4.0, 2.0), "iterations": 3, "position": 8.0, "reach": reach}
    found = crf(logits, image, **options)
    expected = crf(logits, image, impl="reference", **options)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_a_window_of_the_whole_image_is_fully_connected(device):
    logits, image = scene((20, 20), device=device)
    found = crf(logits, image, **STRONG, reach=20)
    expected = crf(logits, image, **STRONG, impl="reference")
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(20, 20), (13, 31)])
def test_the_lattice_is_close_to_the_reference(size, device):
    logits, image = scene(size, device=device)
    found = crf(logits, image, **STRONG).softmax(1)
    expected = crf(logits, image, **STRONG, impl="reference").softmax(1)
    error = (found - expected).abs()
    assert 1e-6 < error.mean() < 0.01  # docs/ops/crf.md states it
    assert (found.argmax(1) == expected.argmax(1)).double().mean() > 0.98
    moved = (expected - logits.softmax(1)).abs().mean()
    assert moved > 0.2
    assert error.mean() < 0.05 * moved


def test_the_lattice_filters_as_a_gaussian(device):
    """Of height 1 and width 1, within the error that docs/ops/crf.md states."""
    generator = torch.Generator().manual_seed(0)
    for dimensions in (2, 3, 5):
        shape = 700, dimensions
        features = 3 * torch.rand(shape, generator=generator, dtype=torch.float64).to(device)
        images = torch.zeros(700, dtype=torch.int64, device=device)
        exact = torch.exp(-0.5 * torch.cdist(features, features).square())
        found = lattice.build(features, images).filter(torch.eye(700, device=device).double())
        assert (found - exact).square().mean().sqrt() < 0.05
        assert 0.85 < found.sum() / exact.sum() < 1.02


def test_the_transposed_lattice_is_the_transpose(device):
    features = 3 * torch.rand(200, 5, dtype=torch.float64, device=device)
    whole = lattice.build(features, torch.zeros(200, dtype=torch.int64, device=device))
    one = torch.eye(200, dtype=torch.float64, device=device)
    torch.testing.assert_close(whole.filter(one, transposed=True), whole.filter(one).T)


def test_shares_in_a_simplex_add_up_to_one_and_give_the_place_back():
    features = 10 * torch.randn(300, 4, dtype=torch.float64)
    names, shares, _ = lattice.simplices(features, torch.zeros(300, dtype=torch.int64))
    assert shares.min() >= -1e-12
    torch.testing.assert_close(shares.sum(1), torch.ones(300).double())
    assert all(len(row.unique()) == 5 for row in names)


@pytest.mark.parametrize("reach", [None, 3])
def test_smoothing_is_exact(reach, device):
    values = torch.randn(2, 37, 70, 3, dtype=torch.float64, device=device)
    rows, columns = (torch.arange(side, device=device).double() for side in (37, 70))
    apart = [(axis[:, None] - axis).abs() for axis in (rows, columns)]
    down, across = (torch.exp(-(far**2) / 8) * (far <= (reach or 99)) for far in apart)
    expected = torch.einsum("yh,xw,bhwl->byxl", down, across, values)
    torch.testing.assert_close(smooth(values, 2.0, reach), expected)


@pytest.mark.parametrize("reach", [None, 2])
def test_gradients(reach):
    logits, image = (tensor[:1] for tensor in scene((4, 5), classes=3))
    inputs = [logits, torch.tensor([[3.0, 2, 1], [1, 2, 3]]).double(), 1 - torch.eye(3).double()]
    inputs = [tensor.requires_grad_() for tensor in inputs]

    def run(logits: Tensor, weights: Tensor, compatibility: Tensor) -> Tensor:
        return crf(logits, image, weights=weights, compatibility=compatibility, iterations=2,
                   position=4.0, colour=60.0, reach=reach)  # fmt: skip

    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


def test_gradients_of_a_window_are_those_of_the_reference():
    logits, image = scene((20, 20))
    found = []
    for impl in ("eager", "reference"):
        inputs = [logits.clone(), torch.tensor([4.0, 2.0]).double(), 1 - torch.eye(4).double()]
        inputs = [tensor.requires_grad_() for tensor in inputs]
        result = crf(inputs[0], image, weights=inputs[1], compatibility=inputs[2], iterations=5,
                     reach=20, impl=impl)  # fmt: skip
        found.append(torch.autograd.grad(result.log_softmax(1)[:, 0].sum(), inputs))
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-6)


def test_images_of_a_batch_do_not_meet(device):
    logits, image = scene((9, 11), device=device)
    both = crf(logits, image)
    for i in range(2):
        torch.testing.assert_close(both[i : i + 1], crf(logits[i : i + 1], image[i : i + 1]))


def test_labels_follow_the_edge(device):
    logits, image = scene((40, 40), device=device)
    side = (image.mean(1) > 130).long()
    before, after = logits.argmax(1), crf(logits, image, **STRONG).argmax(1)
    assert (before == side).double().mean() < 0.7
    assert (after == side).double().mean() > 0.99


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_other_dtypes_and_autocast(dtype, device):
    logits, image = scene((12, 14), device=device)
    expected = crf(logits.to(dtype).float(), image.float())
    with torch.autocast(torch.device(device).type, torch.bfloat16):
        found = crf(logits.to(dtype), image.float())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


def test_any_channels_no_iterations_one_pixel(device):
    logits, image = scene((6, 7), device=device)
    many = image.repeat(1, 3, 1, 1)
    assert crf(logits, many).shape == logits.shape
    torch.testing.assert_close(crf(logits, image, iterations=0), logits)
    one = logits[:, :, :1, :1], image[:, :, :1, :1]
    torch.testing.assert_close(crf(*one, reach=3), one[0])  # there is no other pixel


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"logits": torch.zeros(3, 4, 4)}, r"logits must be \[B, L, H, W\]"),
        ({"image": torch.zeros(1, 3, 5, 4)}, "image must be .* of the size of logits"),
        ({"weights": (1.0, 2.0, 3.0)}, r"weights must be \[2\] or \[2, 3\]"),
        ({"compatibility": torch.eye(2)}, r"compatibility must be \[3, 3\]"),
        ({"iterations": -1}, "iterations must be at least 0"),
        ({"colour": 0.0}, "colour must be above 0"),
        ({"spread": math.nan}, "spread must be above 0"),
        ({"reach": 0}, "reach must be at least 1"),
        ({"impl": "fused"}, "impl must be one of"),
        ({"image": torch.zeros(1, 3, 4, 4, requires_grad=True)}, "image.detach"),
    ],
)
def test_wrong_inputs(change, words):
    inputs = {"logits": torch.zeros(1, 3, 4, 4), "image": torch.zeros(1, 3, 4, 4)}
    with pytest.raises(ValueError, match=words):
        crf(**inputs | change)


def test_whole_numbers_are_refused():
    with pytest.raises(TypeError, match="image must be floating point, got"):
        crf(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
