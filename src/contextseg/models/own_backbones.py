"""Backbones of the papers' tables that timm lacks, registered with timm under their names."""

from __future__ import annotations

from typing import Any

from timm.models import build_model_with_cfg, register_model
from timm.models._registry import generate_default_cfgs
from timm.models.resnet import Bottleneck, ResNet
from torch import Tensor, nn

from contextseg.models.pre_activation import PreActivation, activation, convolution

STAGES = (
    # name, blocks, channels of a block's convolutions, dropout
    ("stage2", 3, (128, 128), 0.0),
    ("stage3", 3, (256, 256), 0.0),
    ("stage4", 6, (512, 512), 0.0),
    ("stage5", 3, (512, 1024), 0.0),
    ("stage6", 1, (512, 1024, 2048), 0.3),
    ("stage7", 1, (1024, 2048, 4096), 0.5),
)
"""Of `WideResNet38`, after a convolution of 64 channels."""

default_cfgs = generate_default_cfgs(
    {
        "resnet269s": {"first_conv": "conv1.0", "classifier": "fc", "pool_size": (7, 7)},
        "wide_resnet38": {"first_conv": "stem", "classifier": "head", "pool_size": (7, 7)},
    }
)  # pyright: ignore[reportArgumentType]
"""No weights are published for timm; images are normalised as ImageNet's."""


class WideResNet38(nn.Module):
    """Wide ResNet-38: few blocks of many channels, pre-activation.

    Shape:
        image:   [B, in_chans, height, width].
        returns: class scores [B, num_classes], or without classes the last map, at stride 32 or
            `output_stride`.

    Source: Wu et al., Pattern Recognition 2019 (arXiv 1611.10080), model A1; dilated to stride 8 it
    is their A2. Its maps at strides 2 and 4 are max-pooled, others made by strided convolutions.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_chans: int = 3,
        output_stride: int = 32,
        global_pool: str = "avg",
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        if output_stride not in (8, 16, 32):
            raise NotImplementedError("output_stride must be 8, 16 or 32.")
        self.num_classes, self.num_features, self.global_pool = num_classes, 4096, global_pool
        self.stem = convolution(in_chans, 64, 3)
        self.feature_info: list[dict[str, Any]] = []
        channels, reduction, dilation = 64, 1, 1
        for i, (name, blocks, widths, dropout) in enumerate(STAGES):
            halves = i < len(STAGES) - 1
            if halves and reduction == output_stride:
                dilation, halves = 2 * dilation, False
            reduction *= 2 if halves else 1
            layers: list[nn.Module] = []
            if i < 2:
                layers.append(nn.MaxPool2d(3, stride=2, padding=1))
            for block in range(blocks):
                stride = 2 if halves and i >= 2 and block == 0 else 1
                options = {"stride": stride, "dilation": dilation, "dropout": dropout}
                layers.append(PreActivation(channels, widths, **options))  # type: ignore[arg-type]
                channels = widths[-1]
            self.add_module(name, nn.Sequential(*layers))
            if i != len(STAGES) - 2:  # the last two stages are of one size
                module = name if i < len(STAGES) - 2 else "norm"
                info = {"num_chs": channels, "reduction": reduction, "module": module}
                self.feature_info.append(info)
        self.norm = activation(channels)
        self.dropout = nn.Dropout(drop_rate)
        self.head = nn.Linear(channels, num_classes) if num_classes else nn.Identity()

    def forward_features(self, image: Tensor) -> Tensor:
        """The last map [B, 4096, H, W]."""
        features = self.stem(image)
        for name, *_ in STAGES:
            features = self.get_submodule(name)(features)
        return self.norm(features)

    def forward(self, image: Tensor) -> Tensor:
        """Class scores, or the last map."""
        features = self.forward_features(image)
        if not self.global_pool:
            return features
        return self.head(self.dropout(features.mean((2, 3))))


@register_model
def resnet269s(pretrained: bool = False, **options: Any) -> nn.Module:
    """ResNet-269, of (3, 30, 48, 8) bottlenecks, with PSPNet's stem of three 3x3 convolutions."""
    layers = {"block": Bottleneck, "layers": (3, 30, 48, 8), "stem_width": 64, "stem_type": "deep"}
    return build_model_with_cfg(ResNet, "resnet269s", pretrained, **{**layers, **options})


@register_model
def wide_resnet38(pretrained: bool = False, **options: Any) -> nn.Module:
    """Wide ResNet-38 (A1) of Wu et al."""
    return build_model_with_cfg(WideResNet38, "wide_resnet38", pretrained, **options)
