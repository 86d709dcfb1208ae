"""DeconvNet: the backbone's stages mirrored, by unpooling or learned upsampling."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.context.layers import conv_norm_relu
from contextseg.context.outputs import ContextOutput, StageChannels, Stages


class DeconvNetContext(nn.Module):
    """A decoder with a level for each of c4, c3 and c2: upsampling, then 3x3 convolutions.

    Where the backbone max-pools a stage into the next one (VGG), the level unpools: each value goes
    to where the stage had the maximum of its 2x2 window. Elsewhere a transposed convolution
    upsamples, or nothing where both stages have one size. No values skip from stages to levels.

    Shape:
        stages:  c2 is [B, C2, H, W], the others [B, C_i, H_i, W_i].
        returns: `ContextOutput`, features [B, C, H, W]; C is C2, or `channels` if that is smaller
            and c2 is not unpooled to.

    Args:
        stage_channels: channels of each stage.
        channels: channels of the map on c5, and most channels of a level without unpooling.
        strides: image pixels per feature pixel of each stage.
        pooled: whether the backbone max-pools c2, c3 and c4 by 2x2 into the next stage.
        convolutions: 3x3 convolutions of a level.

    Source: Noh et al., ICCV 2015 (arXiv 1505.04366), section 3.
    """

    def __init__(
        self,
        stage_channels: StageChannels,
        channels: int,
        strides: Sequence[int] = (4, 8, 16, 32),
        pooled: Sequence[bool] = (False, False, False),
        *,
        convolutions: int = 3,
    ) -> None:
        super().__init__()
        widths = [
            width if unpools else min(width, channels)
            for width, unpools in zip(stage_channels, pooled, strict=False)
        ]  # of c2, c3 and c4
        self.reduction = conv_norm_relu(stage_channels.c5, channels, 3)
        self.expansion = conv_norm_relu(channels, widths[2], 3)
        self.levels = nn.ModuleList(
            DeconvLevel(
                widths[i],
                widths[max(i - 1, 0)],
                factor=max(1, round(strides[i + 1] / strides[i])),
                unpools=pooled[i],
                convolutions=convolutions,
            )
            for i in (2, 1, 0)
        )
        self.out_channels = widths[0]

    def forward(self, stages: Stages) -> ContextOutput:
        """Features at the size of c2."""
        features = self.expansion(self.reduction(stages.c5))
        for level, stage in zip(self.levels, (stages.c4, stages.c3, stages.c2), strict=True):
            features = level(features, stage)
        return ContextOutput(features=features)


class DeconvLevel(nn.Module):
    """From the size of one stage to that of the stage before it, then 3x3 convolutions.

    Shape:
        features: [B, width, H', W'], of the coarser stage's size.
        stage:    [B, C, H, W], the finer stage; only its size counts, or where its maxima are.
        returns:  [B, out_channels, H, W].
    """

    def __init__(
        self, width: int, out_channels: int, *, factor: int, unpools: bool, convolutions: int
    ) -> None:
        super().__init__()
        self.unpools = unpools
        self.upsampling = None
        if factor > 1 and not unpools:
            self.upsampling = LearnedUpsampling(width, factor)
        self.convolutions = nn.Sequential(
            *(conv_norm_relu(width, width, 3) for _ in range(convolutions - 1)),
            conv_norm_relu(width, out_channels, 3),
        )

    def forward(self, features: Tensor, stage: Tensor) -> Tensor:
        """Features at the finer stage's size."""
        if self.unpools:
            features = unpooled(features, stage)
        elif self.upsampling is not None:
            features = self.upsampling(features, stage.shape[2:])
        return self.convolutions(features)


class LearnedUpsampling(nn.Module):
    """A transposed convolution that enlarges a map by a whole factor; batch norm, ReLU.

    Shape:
        features: [B, channels, H, W].
        returns:  [B, channels, *size], the size at most `factor` times the map's, and half of
            `factor` more.
    """

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        self.margin = factor // 2
        self.convolution = nn.ConvTranspose2d(
            channels, channels, 2 * factor, stride=factor, bias=False
        )
        # A pixel of the result sees 2 x 2 pixels of the map.
        nn.init.normal_(self.convolution.weight, std=(2 / (4 * channels)) ** 0.5)
        self.norm = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))

    def forward(self, features: Tensor, size: Sequence[int]) -> Tensor:
        """The enlarged map, without its margin."""
        rows, columns = size
        first = self.margin
        large = self.convolution(features)
        return self.norm(large[:, :, first : first + rows, first : first + columns])


def unpooled(features: Tensor, stage: Tensor) -> Tensor:
    """`max_unpool2d` with the indices of the 2x2 max-pooling of a stage, in operators that export.

    Args:
        features: [B, C, H // 2, W // 2].
        stage: [B, C, H, W], what the backbone pooled.

    Returns:
        [B, C, H, W]: each value where the stage has the first maximum of its window, 0 elsewhere.
    """
    rows, columns = stage.shape[2] // 2, stage.shape[3] // 2
    windows = stage[:, :, : 2 * rows, : 2 * columns]
    windows = windows.unflatten(2, (rows, 2)).unflatten(4, (columns, 2))
    windows = windows.transpose(3, 4).flatten(4)  # [B, C, H // 2, W // 2, 4]
    there = windows.argmax(4, keepdim=True) == torch.arange(4, device=stage.device)
    values = torch.where(there, features[..., None], 0)
    values = values.unflatten(4, (2, 2)).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    return F.pad(values, (0, stage.shape[3] - 2 * columns, 0, stage.shape[2] - 2 * rows))
