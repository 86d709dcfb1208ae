"""1x1 convolutions by the faster library: the same function, and only where it is slow."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import contextseg
from contextseg.models import pointwise_convolutions
from contextseg.models.pointwise_convolutions import PointwiseConv2d, hasten_pointwise, is_pointwise


@pytest.fixture
def dilations(monkeypatch):
    """The dilations of the convolutions that are computed on one thread, where oneDNN is faster."""
    seen = []
    conv2d = F.conv2d

    def noted(*arguments: object, **options: object) -> torch.Tensor:
        seen.extend([options["dilation"]] if "dilation" in options else [])
        return conv2d(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pointwise_convolutions.F, "conv2d", noted)
    monkeypatch.setattr(pointwise_convolutions, "FEWEST_PRODUCTS", 1000)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    return seen


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_same_values_and_gradients(dilations, bias, layout):
    torch.manual_seed(0)
    plain = nn.Conv2d(12, 20, 1, bias=bias)
    fast = copy.deepcopy(plain)
    hasten_pointwise(nn.Sequential(fast))
    assert type(fast) is PointwiseConv2d
    assert list(fast.state_dict()) == list(plain.state_dict())
    image = torch.randn(2, 12, 9, 7).contiguous(memory_format=layout).requires_grad_()
    found = fast(image)
    slope = torch.randn_like(found)
    found.backward(slope)
    assert dilations == [2]
    exact = copy.deepcopy(plain).double()
    other = image.detach().double().requires_grad_()
    expected = exact(other)
    expected.backward(slope.double())
    pairs = [(found, expected), (image.grad, other.grad), (fast.weight.grad, exact.weight.grad)]
    for ours, theirs in [*pairs, *([(fast.bias.grad, exact.bias.grad)] if bias else [])]:
        assert ours is not None
        assert theirs is not None
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-5)


def test_only_where_pytorch_takes_the_slow_library(dilations, monkeypatch):
    fast = nn.Conv2d(12, 20, 1)
    hasten_pointwise(fast)
    image = torch.randn(1, 12, 9, 7)
    with torch.autocast("cpu", torch.bfloat16):
        fast(image)
    with torch.backends.mkldnn.flags(enabled=False):
        fast(image)
    fast(torch.randn(16, 12, 9, 7))
    fast(torch.randn(1, 12, 1, 1))  # too small
    copy.deepcopy(fast).double()(image.double())
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    fast(image)
    assert dilations == []


@pytest.mark.parametrize(
    ("convolution", "pointwise"),
    [
        (nn.Conv2d(4, 8, 1), True),
        (nn.Conv2d(4, 8, 1, padding="same"), True),
        (nn.Conv2d(4, 8, 1, stride=2), False),
        (nn.Conv2d(4, 8, 1, padding=1), False),
        (nn.Conv2d(4, 8, 1, groups=2), False),
        (nn.Conv2d(4, 8, 3), False),
    ],
)
def test_which_convolutions(convolution, pointwise):
    assert is_pointwise(convolution) is pointwise


def test_a_predictor_has_them_and_its_exports_do_not_show_it(dilations):
    model = contextseg.create_model("encnet", backbone="test_resnet", num_classes=3,
                                    head_channels=16, aux_channels=8)  # fmt: skip
    names = list(model.state_dict())
    predictor = contextseg.Predictor(model, contextseg.Classes.numbered(3), device="cpu")
    predictor.segment(torch.zeros(3, 64, 64, dtype=torch.uint8))
    assert 2 in dilations
    assert list(predictor.model.state_dict()) == names
    program = torch.export.export(
        nn.Sequential(model.head), (torch.randn(1, 16, 8, 8),), strict=False
    )
    assert "[2, 2]" not in program.graph_module.code
