"""DilatedNet: convolutions of growing dilation between class maps, identity at first."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from contextseg.context.aspp import RATED_STRIDE, dilations_at
from contextseg.context.layers import classifier, conv_norm_relu
from contextseg.context.outputs import ContextOutput, StageChannels, Stages

DILATIONS = (1, 1, 2, 4, 8, 16, 1)
"""Of the seven 3x3 layers, at stride 8."""
WIDTHS = {"basic": (1, 1, 1, 1, 1, 1, 1), "large": (2, 2, 4, 8, 16, 32, 32)}
"""Channels of the seven layers, in multiples of the number of classes."""
NOISE = 0.01
"""Standard deviation of the noise in the large module's weights, in shares of those that copy."""


class DilatedNetContext(nn.Module):
    """A front end that predicts classes, and a context module that works on its class maps.

    The front end is a 3x3 convolution and a classifier on c5. The module has seven 3x3 convolutions
    with ReLU, whose dilations grow to 16 and so its view to 67 x 67 pixels. Its eighth layer, of
    1x1 convolutions, is the network's head (`copying_classifier`).

    Shape:
        stages:  c5 is [B, C5, H, W].
        returns: `ContextOutput`, features [B, C, H, W]; C is the number of classes, or 32 times it
            in the large module.

    Args:
        stage_channels: channels of each stage.
        channels: channels of the front end.
        num_classes: classes L.
        stride: image pixels per feature pixel; the dilations are those of stride 8 times
            8 / stride, at least 1.
        module: `basic` or `large`.
        dropout: share of the front end's features dropped before its classifier.

    Source: Yu and Koltun, ICLR 2016 (arXiv 1511.07122), section 3 and table 1.
    """

    def __init__(
        self,
        stage_channels: StageChannels,
        channels: int,
        num_classes: int,
        stride: int = RATED_STRIDE,
        *,
        module: Literal["basic", "large"] = "basic",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.reduction = conv_norm_relu(stage_channels.c5, channels, 3)
        self.classifier = classifier(channels, num_classes, dropout)
        self.dilations = dilations_at(stride, DILATIONS)
        widths = [num_classes, *(num_classes * factor for factor in WIDTHS[module])]
        layers: list[nn.Module] = []
        for i, dilation in enumerate(self.dilations):
            convolution = nn.Conv2d(
                widths[i], widths[i + 1], 3, padding=dilation, dilation=dilation
            )
            copy_at_first(convolution, num_classes)
            layers += [convolution, nn.ReLU(inplace=True)]
        self.class_layers = nn.Sequential(*layers)
        self.out_channels = widths[-1]

    def forward(self, stages: Stages) -> ContextOutput:
        """Class maps with context."""
        class_maps = self.classifier(self.reduction(stages.c5))  # [B, L, H, W]
        return ContextOutput(features=self.class_layers(class_maps))


def copying_classifier(in_channels: int, num_classes: int) -> nn.Conv2d:
    """The last layer: a 1x1 convolution to class logits that copies its input at first."""
    convolution = nn.Conv2d(in_channels, num_classes, 1)
    copy_at_first(convolution, num_classes)
    return convolution


def copy_at_first(convolution: nn.Conv2d, num_classes: int) -> None:
    """Initialise a convolution so that it passes on each class's map.

    Its channels belong to classes, c / L of c channels to each. A channel begins as the sum of the
    previous layer's channels of its class, times L / c; over all layers, the maps come out as they
    went in. Where a class has several channels, small noise tells them apart.
    """
    outputs, inputs = convolution.out_channels, convolution.in_channels
    own = torch.arange(outputs)[:, None] * num_classes // outputs
    theirs = torch.arange(inputs)[None] * num_classes // inputs
    same = own == theirs  # [outputs, inputs]: of one class?
    share = num_classes / outputs
    middle = convolution.kernel_size[0] // 2
    with torch.no_grad():
        if outputs == inputs == num_classes:
            convolution.weight.zero_()
        else:
            convolution.weight.normal_(std=NOISE * share)
        copied = convolution.weight[:, :, middle, middle]
        copied.copy_(torch.where(same.to(copied.device), share, copied))
        assert convolution.bias is not None
        convolution.bias.zero_()
