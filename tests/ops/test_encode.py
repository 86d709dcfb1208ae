"""The encoding op: every implementation against the paper's formula."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from contextseg.ops import encode
from contextseg.ops.encode import eager
from tests.oracle import assert_as_exact, rms

pytest.importorskip("triton", reason="the kernel needs Triton")

SHAPES = {  # name: (B, N, C, K)
    "one pixel": (1, 1, 8, 3),
    "one codeword": (2, 9, 8, 1),
    "tile with a rest": (2, 65, 40, 5),
    "channels in blocks": (1, 70, 300, 33),
    "many pixels": (1, 1200, 16, 4),
    "empty batch": (0, 5, 8, 3),
}
IMPLS = ["reference", "eager", "fused"]
FAST = ["eager", "fused"]
NAMES = ["encoders", "grad of features", "grad of codewords", "grad of smoothing"]


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Several tiles an image, as large images have."""
    monkeypatch.setattr(eager, "TILE_BYTES", 20000)


def draw(shape: tuple[int, int, int, int], dtype: torch.dtype = torch.float64) -> list[Tensor]:
    B, N, C, K = shape
    return [t.to(dtype) for t in (torch.randn(B, N, C), torch.randn(K, C), torch.rand(K) / C)]


def run(
    impl: str, inputs: list[Tensor], dtype: torch.dtype, device: torch.device
) -> dict[str, Tensor]:
    """The encoders and the gradient of each input, computed on inputs of `dtype`."""
    inputs = [t.detach().to(device, dtype).requires_grad_() for t in inputs]
    encoders = encode(*inputs, impl=impl)
    # Small slopes, for which no gradient leaves the range of half precision.
    ramp = torch.linspace(-0.01, 0.01, encoders.numel(), dtype=encoders.dtype, device=device)
    grads = torch.autograd.grad((encoders.flatten() * ramp).sum(), inputs)
    return dict(zip(NAMES, [encoders.detach(), *grads], strict=True))


def equation_1(x: Tensor, d: Tensor, s: Tensor) -> Tensor:
    """Equation 1 of the paper, number by number."""
    B, N, C = x.shape
    K = len(d)
    e = torch.zeros(B, K, C, dtype=x.dtype)
    for b in range(B):
        for i in range(N):
            r = [x[b, i] - d[k] for k in range(K)]
            scores = torch.stack([torch.exp(-s[k] * (r[k] ** 2).sum()) for k in range(K)])
            for k in range(K):
                e[b, k] += scores[k] / scores.sum() * r[k]
    return e


@pytest.mark.parametrize("impl", IMPLS)
def test_equals_equation_1_of_the_paper(impl, device):
    inputs = draw((2, 7, 5, 3))
    actual = encode(*(t.to(device) for t in inputs), impl=impl).cpu()
    assert (actual - equation_1(*inputs)).abs().max() <= 1e-10


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("shape", [(1, 5, 3, 2), (2, 1, 4, 1)])
def test_gradients(impl, shape, device):
    inputs = [t.to(device).requires_grad_() for t in draw(shape)]
    fast = impl == "fused"  # the interpreter takes milliseconds a call
    assert torch.autograd.gradcheck(lambda *args: encode(*args, impl=impl), inputs, fast_mode=fast)


@pytest.mark.parametrize("impl", IMPLS)
def test_second_derivatives(impl, device):
    inputs = [t.to(device).requires_grad_() for t in draw((2, 3, 3, 2))]
    fast = impl == "fused"
    assert torch.autograd.gradgradcheck(
        lambda *args: encode(*args, impl=impl), inputs, fast_mode=fast
    )


@pytest.mark.parametrize(
    ("impl", "dtype"),
    [
        ("eager", torch.float32),
        ("eager", torch.bfloat16),
        ("eager", torch.float16),
        ("fused", torch.float32),
        # Triton's interpreter multiplies the raw bits of bfloat16.
        pytest.param("fused", torch.bfloat16, marks=pytest.mark.gpu),
        pytest.param("fused", torch.float16, marks=pytest.mark.slow),
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_as_exact_as_the_formula(shape, impl, dtype, device):
    inputs = draw(shape, dtype)
    actual = run(impl, inputs, dtype, device)
    rounded = run("reference", inputs, dtype, device)
    exact = run("reference", inputs, torch.float64, device)
    assert actual["encoders"].dtype == torch.float32
    for name in actual:
        if shape[0] == 0:
            assert torch.equal(actual[name], rounded[name]), name
        elif (impl, dtype, name) == ("fused", torch.bfloat16, "encoders"):
            # Assignment and codewords, split into two numbers of bfloat16, have 16 bits.
            assert rms(actual[name] - exact[name]) <= 2**-14 * rms(exact[name])
        else:
            # The kernel multiplies in TF32 there, which turns a rounding to the other neighbour.
            products = 2**-9 if (impl, dtype) == ("fused", torch.bfloat16) else 0.0
            assert_as_exact(actual[name], rounded[name], exact[name], name, products=products)


@pytest.mark.parametrize("impl", FAST)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16], ids=str)
def test_strides_of_a_feature_map_do_not_matter(impl, dtype, device):
    maps = torch.randn(2, 6, 5, 4, device=device, dtype=dtype)
    codewords, smoothing = (t.to(device) for t in draw((1, 1, 6, 3))[1:])
    pixels = maps.flatten(2).transpose(1, 2)
    last = maps.contiguous(memory_format=torch.channels_last).flatten(2).transpose(1, 2)
    every_other = maps.repeat_interleave(2, 1)[:, ::2].flatten(2).transpose(1, 2)
    inputs = [pixels, codewords, smoothing]
    expected = run("reference", [t.contiguous() for t in inputs], torch.float64, device)
    for features in (pixels, last, every_other):
        encoders = encode(features, codewords, smoothing, impl=impl)
        tolerance = 1e-12 if dtype == torch.float64 else 1e-5
        torch.testing.assert_close(
            encoders, expected["encoders"], rtol=tolerance, atol=tolerance, check_dtype=False
        )


def test_the_gradient_has_the_layout_of_the_features():
    maps = torch.randn(2, 6, 5, 4)
    _, codewords, smoothing = draw((1, 1, 6, 3), torch.float32)
    for layout in (torch.contiguous_format, torch.channels_last):
        leaf = maps.to(memory_format=layout).requires_grad_()
        pixels = leaf.flatten(2).transpose(1, 2)
        (grad,) = torch.autograd.grad(encode(pixels, codewords, smoothing).sum(), pixels)
        assert grad.stride() == pixels.stride()


@pytest.mark.parametrize("impl", FAST)
@pytest.mark.parametrize("needed", [(0,), (1,), (2,), (0, 1)], ids=str)
def test_only_gradients_that_are_needed(impl, needed, device):
    inputs = [t.to(device) for t in draw((2, 7, 5, 3))]
    expected = run("reference", inputs, torch.float64, device)
    for index in needed:  # fixed smoothing is what EncodingDrop draws
        inputs[index].requires_grad_()
    encoders = encode(*inputs, impl=impl)
    ramp = torch.linspace(-0.01, 0.01, encoders.numel(), dtype=torch.float64, device=device)
    (encoders.flatten() * ramp).sum().backward()
    for index, tensor in enumerate(inputs):
        if index in needed:
            torch.testing.assert_close(tensor.grad, expected[NAMES[1 + index]])
        else:
            assert tensor.grad is None


@pytest.mark.parametrize("impl", IMPLS)
def test_pixels_far_from_every_codeword(impl, device):
    features, codewords, smoothing = (t.to(device) for t in draw((1, 4, 8, 3), torch.float32))
    encoders = encode(100 * features, codewords, 10 * smoothing, impl=impl)  # exp(-10^4) is 0
    assert torch.isfinite(encoders).all()


@pytest.mark.parametrize(
    ("impl", "dtype"),
    [
        ("eager", torch.float16),
        ("eager", torch.bfloat16),
        ("fused", torch.float16),
        pytest.param("fused", torch.bfloat16, marks=pytest.mark.gpu),
    ],
    ids=str,
)
def test_large_half_precision_features(impl, dtype, device, monkeypatch):
    monkeypatch.setattr(eager, "TILE_BYTES", 2**22)
    features = (512 * torch.randn(1, 1200, 512)).relu().to(device, dtype)
    codewords = torch.empty(4, 512, device=device).uniform_(-1 / 45, 1 / 45)
    smoothing = torch.rand(4, device=device) / 512
    encoders = encode(features, codewords, smoothing, impl=impl)
    rounded, exact = (
        encode(*(t.to(sums) for t in (features, codewords, smoothing)), impl="reference")
        for sums in (torch.float32, torch.float64)
    )
    assert encoders.abs().max() > torch.finfo(torch.float16).max
    assert_as_exact(encoders, rounded, exact, "encoders", summed=features.shape[1])


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_nan_and_infinity_in_the_input_show_in_the_output(impl, value, device):
    features, codewords, smoothing = (t.to(device) for t in draw((2, 40, 8, 3), torch.float32))
    features[0, 1, 2] = value
    encoders = encode(features, codewords, smoothing, impl=impl)
    assert not torch.isfinite(encoders[0]).all()
    assert torch.isfinite(encoders[1]).all()
    for broken in (1, 2):
        inputs = [torch.randn_like(features), codewords.clone(), smoothing.clone()]
        inputs[broken][0] = torch.nan
        assert encode(*inputs, impl=impl).isnan().any()


@pytest.mark.parametrize("impl", FAST)
def test_one_codeword_sums_plain_residuals(impl, device):
    features = torch.tensor([[[1.0, 0.0], [3.0, 2.0]]], device=device)
    codewords = torch.tensor([[1.0, 1.0]], device=device)
    encoders = encode(features, codewords, torch.tensor([0.5], device=device), impl=impl)
    assert encoders.tolist() == [[[2.0, 0.0]]]  # (1, 0) - (1, 1) + (3, 2) - (1, 1)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (([4, 8], [3, 8], [3]), r"features must be \[B, N, C\], got \[4, 8\]"),
        (([2, 4, 8], [3, 7], [3]), r"codewords must be \[K, C\] with C = 8 .* got \[3, 7\]"),
        (([2, 4, 8], [3, 8], [4]), r"smoothing must be \[K\] with K = 3 .* got \[4\]"),
    ],
)
def test_wrong_shapes(shapes, message):
    with pytest.raises(ValueError, match=message):
        encode(*(torch.zeros(s) for s in shapes))


def test_wrong_dtype_and_impl(monkeypatch):
    inputs = draw((1, 2, 3, 2), torch.float32)
    with pytest.raises(TypeError, match=r"features must be floating point, got torch.int64"):
        encode(inputs[0].long(), *inputs[1:])
    with pytest.raises(ValueError, match="impl must be one of"):
        encode(*inputs, impl="quick")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(RuntimeError, match=r"impl='fused' cannot run here: the input is on cpu"):
        encode(*inputs, impl="fused")
