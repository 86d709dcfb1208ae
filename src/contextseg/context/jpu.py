"""Joint Pyramid Upsampling of FastFCN: stride 8 from a backbone that is not dilated."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from contextseg.context.layers import conv_norm_relu
from contextseg.context.outputs import StageChannels, Stages, resize

DILATIONS = (1, 2, 4, 8)


class JPU(nn.Module):
    """Replaces c5 by a map at the size of c3.

    A dilated backbone computes its last two stages at stride 8. Here they stay at strides 16 and
    32, and a map at stride 8 is made from c3, c4 and c5 together: each goes through a 3x3
    convolution, the last two are resized to c3, and separable convolutions with four dilations
    process all three.

    Shape:
        stages:  c3 is [B, C3, H, W], c4 and c5 of any smaller size.
        returns: the same stages, but c5 is [B, 4 * width, H, W].

    Args:
        stage_channels: channels of each stage.
        width: channels of each branch; 512 in the paper.
        dilations: of the branches, one for each.
        align_corners: convention of the resize of c4 and c5.

    Source: Wu et al., "FastFCN", 2019 (arXiv 1903.11816), section 3.3; the norm between depthwise
    and pointwise convolution of a branch is from the authors' code.
    """

    def __init__(
        self,
        stage_channels: StageChannels,
        width: int = 512,
        dilations: Sequence[int] = DILATIONS,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        inputs = stage_channels.c3, stage_channels.c4, stage_channels.c5
        self.reductions = nn.ModuleList(conv_norm_relu(c, width, 3) for c in inputs)
        self.branches = nn.ModuleList(separable(len(inputs) * width, width, d) for d in dilations)
        self.channels = stage_channels._replace(c5=len(self.branches) * width)

    def forward(self, stages: Stages) -> Stages:
        """The stages with c5 replaced by a map at the size of c3."""
        size = stages.c3.shape[2:]
        maps = [
            resize(reduction(stage), size, self.align_corners)
            for reduction, stage in zip(self.reductions, stages[1:], strict=True)
        ]
        pyramid = torch.cat(maps, dim=1)  # [B, 3 * width, H, W]
        return stages._replace(c5=torch.cat([branch(pyramid) for branch in self.branches], dim=1))


def separable(in_channels: int, out_channels: int, dilation: int) -> nn.Sequential:
    """Depthwise 3x3 convolution, norm; pointwise convolution, norm, ReLU."""
    depthwise = nn.Conv2d(
        in_channels,
        in_channels,
        3,
        padding=dilation,
        dilation=dilation,
        groups=in_channels,
        bias=False,
    )
    nn.init.kaiming_normal_(depthwise.weight, nonlinearity="linear")
    pointwise = conv_norm_relu(in_channels, out_channels, 1)
    return nn.Sequential(depthwise, nn.BatchNorm2d(in_channels), *pointwise)
