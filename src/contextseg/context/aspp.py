"""Atrous Spatial Pyramid Pooling of DeepLabV3: context at several scales."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from contextseg.context.layers import conv_norm_relu
from contextseg.context.pooled_norm import PooledBatchNorm2d

RATED_STRIDE = 8


def dilations_at(stride: int, rates: Sequence[int]) -> tuple[int, ...]:
    """Dilations that reach as far in the image as `rates` do at stride 8, at least 1 each."""
    return tuple(max(1, round(rate * RATED_STRIDE / stride)) for rate in rates)


class ASPP(nn.Module):
    """Gives each pixel context at several scales, and the mean of the image.

    Five branches process the map: a 1x1 convolution, a dilated 3x3 convolution per rate, and the
    image's mean followed by a 1x1 convolution. A 3x3 convolution fuses them.

    Shape:
        features: [B, in_channels, H, W], any H and W.
        returns:  [B, out_channels, H, W].

    Args:
        in_channels: channels of the map.
        out_channels: channels of each branch and of the fused map.
        stride: image pixels per feature pixel; the dilations are rates · 8 / stride, at least 1.
        rates: dilations of the 3x3 convolutions at stride 8.
        projection: reduce the branches by a 1x1 convolution before the 3x3 one.

    Source: Chen et al., 2017 (arXiv 1706.05587), section 3.3, with image pooling; rates (6, 12, 18)
    at stride 16 are doubled at 8. The paper fuses by a 1x1 convolution of 256 channels; the 3x3
    convolution and all sizes are MMSegmentation's.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = RATED_STRIDE,
        rates: Sequence[int] = (12, 24, 36),
        projection: bool = False,
    ) -> None:
        super().__init__()
        self.dilations = dilations_at(stride, rates)
        self.branches = nn.ModuleList(
            [conv_norm_relu(in_channels, out_channels, 1)]
            + [conv_norm_relu(in_channels, out_channels, 3, dilation=d) for d in self.dilations]
        )
        self.image = conv_norm_relu(in_channels, out_channels, 1, norm=PooledBatchNorm2d)
        gathered = (len(self.branches) + 1) * out_channels
        self.projection = None
        if projection:
            self.projection = conv_norm_relu(gathered, out_channels, 1)
            gathered = out_channels
        self.fusion = conv_norm_relu(gathered, out_channels, 3)
        self.out_channels = out_channels

    def forward(self, features: Tensor) -> Tensor:
        """Features fused from all branches."""
        maps = [branch(features) for branch in self.branches]
        image = self.image(features.mean((2, 3), keepdim=True))  # [B, out_channels, 1, 1]
        maps.append(image.expand_as(maps[0]))
        gathered = torch.cat(maps, dim=1)
        return self.fusion(gathered if self.projection is None else self.projection(gathered))
