"""From the stages of a backbone to features with context: one class per model."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from contextseg.context.aspp import ASPP
from contextseg.context.context_encoding import ContextEncoding
from contextseg.context.layers import conv_norm_relu
from contextseg.context.outputs import ContextOutput, StageChannels, Stages, resize
from contextseg.context.pyramid_pooling import PyramidPooling


class FCNContext(nn.Module):
    """No context: c5 reduced by a 3x3 convolution, the baseline of both papers.

    Shape:
        stages:  c5 is [B, C5, H, W].
        returns: `ContextOutput`, features [B, channels, H, W].

    Args:
        stage_channels: channels of each stage.
        channels: channels of the features.
        num_convs: 3x3 convolutions, at least 1.
        concat_input: fuse c5 with the features by one more convolution.
    """

    def __init__(
        self,
        stage_channels: StageChannels,
        channels: int,
        num_convs: int = 1,
        concat_input: bool = False,
    ) -> None:
        super().__init__()
        self.reduction = conv_norm_relu(stage_channels.c5, channels, 3)
        self.convolutions = nn.Sequential(
            *(conv_norm_relu(channels, channels, 3) for _ in range(num_convs - 1))
        )
        self.fusion = None
        if concat_input:
            self.fusion = conv_norm_relu(stage_channels.c5 + channels, channels, 3)
        self.out_channels = channels

    def forward(self, stages: Stages) -> ContextOutput:
        """Reduced features."""
        features = self.convolutions(self.reduction(stages.c5))
        if self.fusion is not None:
            features = self.fusion(torch.cat([stages.c5, features], dim=1))
        return ContextOutput(features=features)


class PooledContext(nn.Module):
    """PSPNet or DeepLabV3 from stages to features: a pooling module on c5.

    Shape:
        stages:  c5 is [B, C5, H, W].
        returns: `ContextOutput`, features [B, channels, H, W].
    """

    def __init__(self, pooling: PyramidPooling | ASPP) -> None:
        super().__init__()
        self.pooling = pooling
        self.out_channels = pooling.out_channels

    def forward(self, stages: Stages) -> ContextOutput:
        """Fused features."""
        return ContextOutput(features=self.pooling(stages.c5))


class EncNetContext(nn.Module):
    """EncNet from stages to features: reduction of c5, lateral connections, Context Encoding.

    Shape:
        stages:  c5 is [B, C5, H, W]; with `lateral`, c3 and c4 are resized to (H, W).
        returns: `ContextOutput`, features [B, channels, H, W], presence_logits [B, L] or None.

    Args:
        stage_channels: channels of each stage.
        channels: channels of the features that are encoded, 512 in the paper.
        num_codewords: see `ContextEncoding`.
        num_classes: see `ContextEncoding`.
        variant: see `ContextEncoding`.
        lateral: fuse c3 and c4 in, as the authors' PASCAL models do.
        align_corners: convention of the resize of c3 and c4.
        reduction_size: kernel size of the reduction; the authors of FastFCN use 1 after a `JPU`.
    """

    def __init__(
        self,
        stage_channels: StageChannels,
        channels: int,
        *,
        num_codewords: int,
        num_classes: int | None,
        variant: Literal["reference", "paper"],
        lateral: bool = False,
        align_corners: bool = False,
        reduction_size: int = 3,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.reduction = conv_norm_relu(stage_channels.c5, channels, reduction_size)
        self.lateral = None
        self.fusion = None
        if lateral:
            self.lateral = nn.ModuleList(
                [conv_norm_relu(c, channels, 1) for c in (stage_channels.c3, stage_channels.c4)]
            )
            self.fusion = conv_norm_relu(3 * channels, channels, 3)
        self.encoding = ContextEncoding(channels, num_codewords, num_classes, variant)
        self.out_channels = channels

    def forward(self, stages: Stages) -> ContextOutput:
        """Features gated by the image's semantics."""
        features = self.reduction(stages.c5)  # [B, channels, H, W]
        if self.lateral is not None and self.fusion is not None:
            maps = [features]
            for connection, stage in zip(self.lateral, (stages.c3, stages.c4), strict=True):
                maps.append(resize(connection(stage), features.shape[2:], self.align_corners))
            features = self.fusion(torch.cat(maps, dim=1))
        features, presence_logits = self.encoding(features)
        return ContextOutput(features=features, presence_logits=presence_logits)
