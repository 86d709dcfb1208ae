"""DeepLabv2: a sum of classifiers, each with convolutions of its own dilation."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from contextseg.context.aspp import RATED_STRIDE, dilations_at
from contextseg.context.outputs import ContextOutput, StageChannels, Stages


class DeepLabV2Context(nn.Module):
    """c5 as it is: DeepLabv2's context is in its head, `DilatedClassifiers`.

    Shape:
        stages:  c5 is [B, C5, H, W].
        returns: `ContextOutput`, features [B, C5, H, W].

    Args:
        stage_channels: channels of each stage.
    """

    def __init__(self, stage_channels: StageChannels) -> None:
        super().__init__()
        self.out_channels = stage_channels.c5

    def forward(self, stages: Stages) -> ContextOutput:
        """The last stage."""
        return ContextOutput(features=stages.c5)


class DilatedClassifiers(nn.Module):
    """Class logits as a sum over rates: each a 3x3 convolution of its own dilation.

    Shape:
        features: [B, in_channels, H, W], any H and W.
        returns:  logits [B, num_classes, H, W].

    Args:
        in_channels: channels of the map.
        num_classes: classes L.
        stride: image pixels per feature pixel; the dilations are rates · 8 / stride, at least 1.
        rates: dilations at stride 8.

    Source: Chen et al., PAMI 2018 (arXiv 1606.00915), section 4.2: ASPP-L on ResNet-101, one
    convolution from c5 to the classes for each rate.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        stride: int = RATED_STRIDE,
        rates: Sequence[int] = (6, 12, 18, 24),
    ) -> None:
        super().__init__()
        self.dilations = dilations_at(stride, rates)
        self.branches = nn.ModuleList(
            nn.Conv2d(in_channels, num_classes, 3, padding=d, dilation=d) for d in self.dilations
        )
        for branch in self.branches:
            assert isinstance(branch, nn.Conv2d)
            nn.init.normal_(branch.weight, std=0.01)
            nn.init.zeros_(branch.bias)  # type: ignore[arg-type]  # the convolution has a bias

    def forward(self, features: Tensor) -> Tensor:
        """Class logits."""
        first, *others = self.branches
        logits = first(features)
        for branch in others:
            logits = logits + branch(features)
        return logits
