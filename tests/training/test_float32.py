"""What stays in float32 when a network trains in bfloat16."""

from __future__ import annotations

import copy

import pytest
import torch

import contextseg
from contextseg.training.float32 import Float32Conv2d, keep_float32


def model(backbone: str):
    return contextseg.create_model("fcn", backbone=backbone, num_classes=3, output_stride=16,
                                   head_channels=16, aux_channels=8, dropout=0.0)  # fmt: skip


def kept(net) -> list[str]:
    return [name.removeprefix("backbone.model.") for name, module in net.named_modules()
            if isinstance(module, Float32Conv2d)]  # fmt: skip


@pytest.mark.parametrize(
    ("backbone", "stem"),
    [
        ("mobilenetv2_100", ["conv_stem", "blocks.0.0.conv_dw", "blocks.0.0.conv_pw"]),
        ("resnet18", ["conv1"]),
        ("test_resnet", ["conv1.0", "conv1.3", "conv1.6"]),
        ("convnext_atto", ["stem_0"]),
        ("test_vit", ["model.patch_embed.proj"]),
    ],
)
def test_the_stem_ends_where_the_first_halving_does(backbone, stem):
    net = model(backbone)
    keep_float32(net, net.backbone, "cuda")
    assert kept(net) == stem


def test_slow_depthwise_convolutions_are_kept_on_a_cpu():
    net = model("mobilenetv2_100")
    keep_float32(net, net.backbone, "cpu")
    strided = [name for name in kept(net) if "conv_dw" in name]
    assert strided == ["blocks.0.0.conv_dw", "blocks.1.0.conv_dw", "blocks.2.0.conv_dw",
                       "blocks.3.0.conv_dw", "blocks.5.1.conv_dw", "blocks.5.2.conv_dw",
                       "blocks.6.0.conv_dw"]  # fmt: skip


def test_names_and_float32_results_do_not_change():
    net = model("mobilenetv2_100")
    other = copy.deepcopy(net)
    keep_float32(other, other.backbone, "cpu")
    assert list(net.state_dict()) == list(other.state_dict())
    assert [n for n, _ in net.named_parameters()] == [n for n, _ in other.named_parameters()]
    image = torch.randn(1, 3, 64, 64)
    assert torch.equal(net(image).coarse_logits, other(image).coarse_logits)


def test_dtypes_under_autocast():
    convolution = torch.nn.Conv2d(3, 4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        image = torch.randn(1, 3, 8, 8)
        assert Float32Conv2d(convolution, widen=True)(image).dtype == torch.float32
        assert Float32Conv2d(convolution, widen=False)(image).dtype == torch.bfloat16
