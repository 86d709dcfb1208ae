"""The encoding op: every implementation against the paper's formula."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from contextseg.ops import encode
from tests.oracle import assert_as_exact

SHAPES = {  # name: (B, N, C, K)
    "one pixel": (1, 1, 8, 3),
    "one codeword": (2, 9, 8, 1),
    "odd sizes": (2, 65, 40, 5),
    "many pixels": (1, 1200, 16, 4),
}
IMPLS = ["reference", "eager"]


def draw(shape: tuple[int, int, int, int], dtype: torch.dtype = torch.float64) -> list[Tensor]:
    B, N, C, K = shape
    return [t.to(dtype) for t in (torch.randn(B, N, C), torch.randn(K, C), torch.rand(K) / C)]


def run(impl: str, inputs: list[Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """The encoders and the gradient of each input, computed on inputs of `dtype`."""
    inputs = [t.detach().to(dtype).requires_grad_() for t in inputs]
    encoders = encode(*inputs, impl=impl)
    ramp = torch.linspace(-1, 1, encoders.numel(), dtype=encoders.dtype)
    grads = torch.autograd.grad((encoders.flatten() * ramp).sum(), inputs)
    names = ["encoders", "grad of features", "grad of codewords", "grad of smoothing"]
    return dict(zip(names, [encoders.detach(), *grads], strict=True))


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
def test_equals_equation_1_of_the_paper(impl):
    inputs = draw((2, 7, 5, 3))
    difference = (encode(*inputs, impl=impl) - equation_1(*inputs)).abs().max()
    assert difference <= 1e-10


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("shape", [(1, 5, 3, 2), (2, 1, 4, 1)])
def test_gradients(impl, shape):
    inputs = [t.requires_grad_() for t in draw(shape)]
    assert torch.autograd.gradcheck(lambda *args: encode(*args, impl=impl), inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_as_exact_as_the_formula(shape, dtype):
    inputs = draw(shape, dtype)
    actual = run("eager", inputs, dtype)
    rounded, exact = run("reference", inputs, dtype), run("reference", inputs, torch.float64)
    assert actual["encoders"].dtype == torch.float32
    for name in actual:
        assert_as_exact(actual[name], rounded[name], exact[name], name)


def test_strides_of_a_feature_map_do_not_matter():
    maps = torch.randn(2, 6, 5, 4, dtype=torch.float64)
    _, codewords, smoothing = draw((1, 1, 6, 3))
    pixels = maps.flatten(2).transpose(1, 2)
    last = maps.contiguous(memory_format=torch.channels_last).flatten(2).transpose(1, 2)
    expected = encode(pixels.contiguous(), codewords, smoothing, impl="reference")
    for features in (pixels, last):
        torch.testing.assert_close(encode(features, codewords, smoothing), expected)


@pytest.mark.parametrize("impl", IMPLS)
def test_pixels_far_from_every_codeword(impl):
    features, codewords, smoothing = draw((1, 4, 8, 3), torch.float32)
    encoders = encode(100 * features, codewords, 10 * smoothing, impl=impl)  # exp(-10^4) is 0
    assert torch.isfinite(encoders).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_large_half_precision_features_stay_finite(dtype):
    features = (16 * torch.randn(1, 900, 512)).relu().to(dtype)
    _, codewords, smoothing = draw((1, 1, 512, 4), torch.float32)
    assert torch.isfinite(encode(features, codewords, smoothing)).all()


def test_nan_in_the_input_shows_in_the_output():
    features, codewords, smoothing = draw((2, 4, 8, 3), torch.float32)
    features[0, 1, 2] = torch.nan
    encoders = encode(features, codewords, smoothing)
    assert encoders[0].isnan().any()
    assert torch.isfinite(encoders[1]).all()


def test_autocast_leaves_the_sums_in_float32():
    inputs = draw((2, 50, 16, 4), torch.float32)
    expected = encode(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        actual = encode(*inputs)
    assert torch.equal(actual, expected)


def test_one_codeword_sums_plain_residuals():
    features = torch.tensor([[[1.0, 0.0], [3.0, 2.0]]])
    encoders = encode(features, torch.tensor([[1.0, 1.0]]), torch.tensor([0.5]))
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


def test_wrong_dtype_and_impl():
    inputs = draw((1, 2, 3, 2), torch.float32)
    with pytest.raises(TypeError, match=r"features must be floating point, got torch.int64"):
        encode(inputs[0].long(), *inputs[1:])
    with pytest.raises(ValueError, match="impl must be one of"):
        encode(*inputs, impl="quick")
