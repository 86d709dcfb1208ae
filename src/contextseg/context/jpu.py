"""Joint pyramid upsampling: dilated features from a backbone that is not dilated."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from contextseg.context.layers import conv_norm_relu
from contextseg.outputs import Stages, resize


class JPU(nn.Module):
    """Joins the last three stages at the resolution of c3, then sees them at several dilations.

    Each stage goes through a 3x3 convolution and is resized to c3; of the stack, a separable 3x3
    convolution for each dilation; their outputs are stacked.

    Shape:
        stages:  `Stages` with c3, c4, c5 of any falling resolutions.
        returns: [B, len(dilations) · width, H3, W3].

    Args:
        channels: channels of c3, c4 and c5.
        width: channels of each branch.
        dilations: of the separable convolutions.
        align_corners: convention of the resizing.

    Source: Wu et al., "FastFCN", 2019 (arXiv 1903.11816), section 3.3.
    """

    def __init__(
        self,
        channels: tuple[int, int, int],
        width: int = 512,
        dilations: Sequence[int] = (1, 2, 4, 8),
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.project = nn.ModuleList(conv_norm_relu(each, width, 3) for each in channels)
        self.branches = nn.ModuleList(
            separable(3 * width, width, dilation) for dilation in dilations
        )

    def forward(self, stages: Stages) -> Tensor:
        """The joined features."""
        size = stages.c3.shape[2:]
        inputs = (stages.c3, stages.c4, stages.c5)
        stack = torch.cat(
            [
                resize(project(stage), size, self.align_corners)
                for project, stage in zip(self.project, inputs, strict=True)
            ],
            dim=1,
        )
        return torch.cat([branch(stack) for branch in self.branches], dim=1)


def separable(in_channels: int, out_channels: int, dilation: int) -> nn.Sequential:
    """A depthwise dilated 3x3 convolution with batch norm, then a 1x1 one with norm and ReLU."""
    depthwise = nn.Conv2d(
        in_channels, in_channels, 3, padding=dilation, dilation=dilation,
        groups=in_channels, bias=False,
    )  # fmt: skip
    return nn.Sequential(
        depthwise, nn.BatchNorm2d(in_channels), *conv_norm_relu(in_channels, out_channels, 1)
    )
