"""Networks for images of 32 pixels that the EncNet paper's table lists, registered with timm."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from timm.models import build_model_with_cfg, register_model
from timm.models._registry import generate_default_cfgs
from timm.models.densenet import DenseBlock, DenseTransition
from timm.models.resnet import Bottleneck
from torch import Tensor, nn

from contextseg.config import CIFAR_MEAN, CIFAR_STD
from contextseg.models.pre_activation import PreActivation, activation, convolution

NAMES = ("wide_resnet28_10", "resnext29_8x64d", "densenet190_bc_k40")

default_cfgs = generate_default_cfgs(
    {
        name: {
            "num_classes": 10,
            "input_size": (3, 32, 32),
            "mean": CIFAR_MEAN,
            "std": CIFAR_STD,
            "first_conv": "features.stem",
            "classifier": "head",
        }
        for name in NAMES
    }
)  # pyright: ignore[reportArgumentType]
"""No weights are published for timm."""


class CifarNetwork(nn.Module):
    """Layers, then global average pooling and a linear layer.

    Shape:
        images:  [B, in_chans, H, W], 32 x 32 pixels in the papers.
        returns: class scores [B, num_classes]; with an empty `global_pool` the features
            [B, num_features, H / 4, W / 4].
    """

    def __init__(
        self,
        features: OrderedDict[str, nn.Module],
        num_features: int,
        num_classes: int = 10,
        global_pool: str = "avg",
    ) -> None:
        super().__init__()
        self.num_features, self.num_classes, self.global_pool = (
            num_features, num_classes, global_pool,
        )  # fmt: skip
        self.features = nn.Sequential(features)
        self.head = nn.Linear(num_features, num_classes) if num_classes else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Class scores, or the features."""
        features = self.features(images)
        return self.head(features.mean((2, 3))) if self.global_pool else features


def wide_resnet(depth: int, factor: int, in_chans: int = 3, **options: Any) -> CifarNetwork:
    """Wide ResNet: three stages of (depth - 4) / 6 pre-activation blocks.

    Source: Zagoruyko and Komodakis, BMVC 2016 (arXiv 1605.07146).
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(stem=convolution(in_chans, 16, 3))
    channels = 16
    for stage, width in enumerate((16 * factor, 32 * factor, 64 * factor)):
        for block in range((depth - 4) // 6):
            stride = 2 if stage and block == 0 else 1
            layers[f"stage{stage + 1}_{block}"] = PreActivation(
                channels, (width, width), stride=stride
            )
            channels = width
    layers["norm"] = activation(channels)
    return CifarNetwork(layers, channels, **options)


def resnext(
    depth: int, cardinality: int, width: int, in_chans: int = 3, **options: Any
) -> CifarNetwork:
    """ResNeXt: three stages of (depth - 2) / 9 bottlenecks with grouped convolutions.

    Source: Xie et al., CVPR 2017 (arXiv 1611.05431).
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        stem=convolution(in_chans, 64, 3), norm=activation(64)
    )
    channels = 64
    for stage, planes in enumerate((64, 128, 256)):
        for block in range((depth - 2) // 9):
            stride = 2 if stage and block == 0 else 1
            around = None
            if block == 0:
                projection = convolution(channels, 4 * planes, 1, stride=stride)
                around = nn.Sequential(projection, nn.BatchNorm2d(4 * planes))
            layers[f"stage{stage + 1}_{block}"] = Bottleneck(
                channels, planes, stride, around, cardinality=cardinality, base_width=width
            )
            channels = 4 * planes
    return CifarNetwork(layers, channels, **options)


def densenet(depth: int, growth: int, in_chans: int = 3, **options: Any) -> CifarNetwork:
    """DenseNet-BC: three dense blocks of (depth - 4) / 6 layers, halved channels between them.

    Source: Huang et al., CVPR 2017 (arXiv 1608.06993).
    """
    channels, count = 2 * growth, (depth - 4) // 6
    layers: OrderedDict[str, nn.Module] = OrderedDict(stem=convolution(in_chans, channels, 3))
    for block in range(3):
        layers[f"block{block + 1}"] = DenseBlock(count, channels, bn_size=4, growth_rate=growth)
        channels += count * growth
        if block < 2:
            layers[f"transition{block + 1}"] = DenseTransition(channels, channels // 2)
            channels //= 2
    layers["norm"] = activation(channels)
    return CifarNetwork(layers, channels, **options)


@register_model
def wide_resnet28_10(pretrained: bool = False, **options: Any) -> nn.Module:
    """WRN-28-10 for CIFAR: 36.5 million parameters."""
    size = {"depth": 28, "factor": 10, **options}
    return build_model_with_cfg(wide_resnet, "wide_resnet28_10", pretrained, **size)


@register_model
def resnext29_8x64d(pretrained: bool = False, **options: Any) -> nn.Module:
    """ResNeXt-29, 8 x 64d, for CIFAR: 34.4 million parameters."""
    size = {"depth": 29, "cardinality": 8, "width": 64, **options}
    return build_model_with_cfg(resnext, "resnext29_8x64d", pretrained, **size)


@register_model
def densenet190_bc_k40(pretrained: bool = False, **options: Any) -> nn.Module:
    """DenseNet-BC of 190 layers with growth rate 40 for CIFAR: 25.6 million parameters."""
    size = {"depth": 190, "growth": 40, **options}
    return build_model_with_cfg(densenet, "densenet190_bc_k40", pretrained, **size)
