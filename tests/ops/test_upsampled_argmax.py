"""Labels from coarse logits, against plain upsampling and argmax."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.ops import upsampled_argmax
from contextseg.ops.upsampled_argmax import pruned
from contextseg.ops.upsampled_cells import BLOCK_BYTES, axis, pad
from contextseg.ops.upsampled_rows import strips, upsampled_lines, upsampled_rows
from tests.peak_memory import printed_by

SIZES = {  # name: (feature size, image size)
    "stride 8": ((12, 16), (96, 128)),
    "ragged": ((7, 5), (50, 33)),
    "down": ((40, 30), (13, 7)),
    "down and up": ((40, 5), (13, 37)),
    "same": ((9, 11), (9, 11)),
    "one feature pixel": ((1, 1), (4, 6)),
    "to one pixel": ((6, 5), (1, 1)),
}


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few cells, so that small images take several."""
    for kind in BLOCK_BYTES:
        monkeypatch.setitem(BLOCK_BYTES, kind, 40_000)


def margin(logits: Tensor) -> Tensor:
    """How much the best logit of each pixel exceeds the second best."""
    best = logits.topk(2, dim=1).values
    return best[:, 0] - best[:, 1]


def upsampled(coarse: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    return F.interpolate(coarse, size, mode="bilinear", align_corners=align_corners)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_equals_upsampling_and_argmax_in_float64(sizes, align_corners, device):
    coarse = torch.randn(2, 7, *sizes[0], dtype=torch.float64, device=device)
    labels, confidence = upsampled_argmax(
        coarse, sizes[1], align_corners=align_corners, confidence=True
    )
    logits = upsampled(coarse, sizes[1], align_corners)
    sure = margin(logits) > 1e-12
    assert sure.double().mean() > 0.99
    assert labels.dtype == torch.int64
    assert torch.equal(labels[sure], logits.argmax(1)[sure])
    torch.testing.assert_close(confidence, logits.softmax(1).amax(1))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_other_dtypes_are_interpolated_in_float32(dtype, device):
    coarse = torch.randn(2, 7, 12, 16, device=device).to(dtype)
    labels, confidence = upsampled_argmax(coarse, (96, 128), confidence=True)
    logits = upsampled(coarse.double(), (96, 128), False)
    sure = margin(logits) > 1e-5
    assert sure.double().mean() > 0.99
    assert torch.equal(labels[sure], logits.argmax(1)[sure])
    assert confidence.dtype == torch.float32
    torch.testing.assert_close(confidence, logits.softmax(1).amax(1).float(), rtol=1e-5, atol=1e-5)


def test_the_reference_is_the_plain_formula(device):
    coarse = torch.randn(1, 5, 6, 8, device=device)
    labels = upsampled_argmax(coarse, (48, 64), impl="reference")
    assert torch.equal(labels, upsampled(coarse, (48, 64), False).argmax(1))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("layout", ["channels last", "slice"])
def test_any_strides(layout, device):
    coarse = torch.randn(2, 9, 12, 16, device=device)
    same = coarse.contiguous(memory_format=torch.channels_last)
    if layout == "slice":
        same = torch.cat([coarse, coarse], dim=3)[..., :16]
    assert torch.equal(upsampled_argmax(same, (96, 128)), upsampled_argmax(coarse, (96, 128)))


@pytest.mark.parametrize("impl", ["reference", "eager", "fused"])
def test_the_lowest_of_equal_classes_wins(impl, device):
    coarse = torch.randn(1, 1, 6, 8, device=device).repeat(1, 4, 1, 1)
    coarse[:, 0] -= 1
    assert upsampled_argmax(coarse, (48, 64), impl=impl).eq(1).all()


@pytest.mark.parametrize("impl", ["reference", "eager", "fused"])
def test_nan_wins_where_it_reaches_and_nowhere_else(impl, device):
    coarse = torch.randn(1, 3, 8, 8, device=device)
    clean = upsampled_argmax(coarse, (64, 64), impl=impl)
    coarse[0, 2, 0, 0] = math.nan
    labels, confidence = upsampled_argmax(coarse, (64, 64), confidence=True, impl=impl)
    hit = torch.zeros(64, 64, dtype=torch.bool, device=device)
    hit[:12, :12] = True  # image pixels between feature pixels (0, 0) and (1, 1)
    assert torch.equal(confidence[0].isnan(), hit)
    assert labels[0, hit].eq(2).all()
    assert torch.equal(labels[0, ~hit], clean[0, ~hit])


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_kernel_equals_the_formula(align_corners, device):
    coarse = torch.randn(2, 21, 4, 5, dtype=torch.float64, device=device)
    options = {"align_corners": align_corners, "confidence": True}
    labels, confidence = upsampled_argmax(coarse, (9, 23), impl="fused", **options)
    expected, probability = upsampled_argmax(coarse, (9, 23), impl="reference", **options)
    assert torch.equal(labels, expected)
    torch.testing.assert_close(confidence, probability)


def test_logits_too_far_apart_for_their_exponentials(device):
    coarse = 500 * torch.randn(1, 7, 4, 5, dtype=torch.float64, device=device)
    _, confidence = upsampled_argmax(coarse, (30, 40), confidence=True)
    torch.testing.assert_close(confidence, upsampled(coarse, (30, 40), False).softmax(1).amax(1))


def test_no_images(device):
    labels, confidence = upsampled_argmax(
        torch.zeros(0, 3, 4, 5, device=device), (8, 9), confidence=True
    )
    assert labels.shape == confidence.shape == (0, 8, 9)


def test_compiles_whole():
    coarse = torch.randn(1, 5, 6, 8)
    find = torch.compile(
        lambda x: upsampled_argmax(2 * x, (20, 30)), fullgraph=True, backend="aot_eager"
    )
    assert torch.equal(find(coarse), upsampled_argmax(2 * coarse, (20, 30)))


def test_uint8_labels(device):
    coarse = torch.randn(1, 256, 4, 4, device=device)
    labels = upsampled_argmax(coarse, (32, 32), dtype=torch.uint8)
    assert labels.dtype == torch.uint8
    assert torch.equal(labels.long(), upsampled_argmax(coarse, (32, 32)))


def test_no_gradient_and_no_harm_to_the_logits():
    coarse = torch.randn(1, 4, 6, 6, requires_grad=True)
    before = coarse.detach().clone()
    for size in ((6, 6), (20, 20)):
        labels, confidence = upsampled_argmax(coarse, size, confidence=True)
        assert not labels.requires_grad
        assert not confidence.requires_grad
    assert torch.equal(coarse.detach(), before)
    with torch.no_grad():
        assert upsampled_argmax(coarse, (20, 20)).shape == (1, 20, 20)


def test_rows_are_those_of_the_whole():
    coarse = torch.randn(1, 3, 10, 7, dtype=torch.float64)
    for align_corners in (False, True):
        whole = upsampled(coarse, (45, 31), align_corners)
        rows = upsampled_rows(coarse, (45, 31), 11, 30, align_corners=align_corners)
        torch.testing.assert_close(rows, whole[:, :, 11:30])


def test_the_form_for_a_gpu_is_the_same():
    coarse = torch.randn(1, 3, 10, 7, dtype=torch.float64)
    for align_corners in (False, True):
        columns = upsampled_lines(coarse, 3, 31, 0, 31, align_corners)
        expected = upsampled(coarse, (10, 31), align_corners)
        torch.testing.assert_close(columns, expected)


def test_strips_cover_every_row_once():
    for rows, row_bytes in [(1, 1), (100, 10**9), (100, 500_000), (7, 0)]:
        covered = [
            row
            for start, stop in strips(rows, row_bytes, torch.device("cpu"))
            for row in range(start, stop)
        ]
        assert covered == list(range(rows))


# 40 classes at 1200 x 1600 pixels are 293 MiB of logits; the labels themselves are 1.8 MiB.
PEAKS = """
import torch
from contextseg.ops import upsampled_argmax
from tests.peak_memory import peak
torch.set_num_threads(1)
upsampled_argmax(torch.randn(1, 40, 15, 20), (120, 160), confidence=True)
coarse = torch.randn(1, 40, 150, 200)
start = peak()
upsampled_argmax(coarse, (1200, 1600), dtype=torch.uint8)
print(peak() - start)
upsampled_argmax(coarse, (1200, 1600), dtype=torch.uint8, confidence=True)
print(peak() - start)
upsampled_argmax(coarse, (1200, 1600), impl="reference")
print(peak() - start)
"""


@pytest.mark.slow
def test_memory_stays_far_below_the_upsampled_logits():
    labels, with_confidence, formula = printed_by(PEAKS)
    assert formula > 250
    assert labels < 30
    assert with_confidence < 60  # the confidence itself takes 7


class Labels(nn.Module):
    def forward(self, coarse: Tensor) -> Tensor:
        return upsampled_argmax(coarse, (coarse.shape[2] * 8, coarse.shape[3] * 8))


def test_exports_with_sizes_left_open():
    sizes = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    program = torch.export.export(
        Labels(), (torch.randn(1, 3, 6, 8),), dynamic_shapes={"coarse": sizes}
    )
    other = torch.randn(1, 3, 11, 5)
    assert torch.equal(program.module()(other), Labels()(other))


@pytest.mark.parametrize(
    ("coarse", "options", "message"),
    [
        (torch.zeros(3, 4, 4), {"size": (8, 8)}, r"must be \[B, L, H, W\].*\[3, 4, 4\]"),
        (torch.zeros(1, 0, 4, 4), {"size": (8, 8)}, r"not empty, got \[1, 0, 4, 4\]"),
        (torch.zeros(1, 3, 4, 4), {"size": (0, 8)}, r"size must be rows and columns.*\[0, 8\]"),
        (
            torch.zeros(1, 300, 4, 4),
            {"size": (8, 8), "dtype": torch.uint8},
            r"torch.uint8 cannot hold the labels of 300 classes",
        ),
        (
            torch.zeros(1, 3, 4, 4),
            {"size": (8, 8), "dtype": torch.float32},
            "dtype must be an integer one, got torch.float32",
        ),
        (torch.zeros(1, 3, 4, 4), {"size": (8, 8), "impl": "fast"}, "impl must be one of"),
    ],
)  # fmt: skip
def test_wrong_input_is_named(coarse, options, message):
    with pytest.raises(ValueError, match=message):
        upsampled_argmax(coarse, **options)


def test_integer_logits_are_refused():
    with pytest.raises(TypeError, match=r"floating point, got torch\.int64"):
        upsampled_argmax(torch.zeros(1, 3, 4, 4, dtype=torch.int64), (8, 8))


def smooth(classes: int = 20, dtype: torch.dtype = torch.float64) -> Tensor:
    """Logits of which few can win in a cell, as a trained network's."""
    maps = torch.randn(2, classes, 5, 6, dtype=dtype)
    return 8 * upsampled(maps, (13, 16), False)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(104, 128), (40, 99), (117, 47)], ids=str)
def test_classes_that_cannot_win_are_left_out(size, align_corners, monkeypatch):
    coarse = smooth()
    monkeypatch.setattr(pruned, "STRIP_BYTES", 20_000)
    rows, columns = axis(13, size[0], align_corners), axis(16, size[1], align_corners)
    assert all(pruned.pays(one, rows, columns, False) for one in pad(coarse))
    expected = upsampled(coarse, size, align_corners)
    labels, confidence = upsampled_argmax(
        coarse, size, align_corners=align_corners, confidence=True
    )
    alone = upsampled_argmax(coarse, size, align_corners=align_corners, dtype=torch.uint8)
    assert torch.equal(labels, expected.argmax(1))
    assert torch.equal(alone.long(), labels)
    torch.testing.assert_close(confidence, expected.softmax(1).amax(1))


def test_confidence_of_pruned_classes_is_exact_in_float64(monkeypatch):
    coarse, size = smooth(), (104, 128)
    monkeypatch.setattr(pruned, "MANY", 1.1)
    monkeypatch.setattr(pruned, "FEW", 1.1)
    _, confidence = upsampled_argmax(coarse, size, confidence=True)
    exact = upsampled(coarse, size, False).softmax(1).amax(1)
    torch.testing.assert_close(confidence, exact, rtol=1e-12, atol=1e-12)


def test_the_lowest_of_equal_classes_wins_among_few():
    coarse = smooth()
    coarse = torch.cat([coarse, coarse], 1)
    labels = upsampled_argmax(coarse, (104, 128))
    assert torch.equal(labels, upsampled_argmax(coarse[:, :20].contiguous(), (104, 128)))


def test_where_logits_are_not_finite_all_classes_are_compared():
    coarse = smooth()
    places = axis(13, 104, False), axis(16, 128, False)
    for value in (math.nan, math.inf):
        broken = coarse.clone()
        broken[0, 3, 5, 5] = value
        assert [pruned.pays(one, *places, False) for one in pad(broken)] == [False, True]
        labels = upsampled_argmax(broken, (104, 128))
        assert torch.equal(labels[1], upsampled(coarse, (104, 128), False).argmax(1)[1])
