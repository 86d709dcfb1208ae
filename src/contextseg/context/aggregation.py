"""The Aggregation Module of CPNet: spatial context by separable convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from contextseg.context.layers import conv_norm_relu


class Aggregation(nn.Module):
    """Aggregates each pixel's surroundings like a large convolution, at a fraction of the cost.

    A 3x3 convolution reduces the channels. Two branches of depthwise convolutions, k x 1 then
    1 x k and the other way round, see k x k pixels each; their sum is normalised.

    Shape:
        features: [B, in_channels, H, W].
        returns:  aggregated and reduced features, both [B, out_channels, H, W].

    Args:
        in_channels: channels of the map.
        out_channels: channels after the reduction; 512 in the paper.
        kernel_size: k, odd; 11 in the paper.

    Source: Yu et al., CVPR 2020 (arXiv 2004.01547), section 3.3. The convolutions of a branch have
    a bias, and neither norm nor activation between them, as in the authors' code.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 11) -> None:
        super().__init__()
        self.reduction = conv_norm_relu(in_channels, out_channels, 3)
        tall, wide = (kernel_size, 1), (1, kernel_size)
        self.branches = nn.ModuleList(
            nn.Sequential(*(depthwise(out_channels, kernel) for kernel in order))
            for order in ((tall, wide), (wide, tall))
        )
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Aggregated features, and the reduced features that they are computed from."""
        reduced = self.reduction(features)
        first, second = (branch(reduced) for branch in self.branches)
        return torch.relu(self.norm(first + second)), reduced


def depthwise(channels: int, kernel: tuple[int, int]) -> nn.Conv2d:
    """A depthwise convolution that keeps the map's size, with bias."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    convolution = nn.Conv2d(channels, channels, kernel, padding=padding, groups=channels)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="linear")
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # the convolution has a bias
    return convolution
