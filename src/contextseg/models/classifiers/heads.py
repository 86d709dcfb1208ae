"""From a feature map to class logits: by pooling, or by encoding as in Deep TEN."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.context import Encoding


class PooledHead(nn.Module):
    """Global average pooling and a linear layer.

    Shape:
        features: [B, C, H, W].
        returns:  logits [B, L].
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Class logits."""
        return self.classifier(features.mean((2, 3)))


class EncodingHead(nn.Module):
    """Deep TEN: projection, residual encoders flattened and L2-normalised, a linear layer.

    The descriptor is orderless: it does not depend on where features are in the image.

    Shape:
        features: [B, C, H, W], any size.
        returns:  logits [B, L].

    Args:
        in_channels: feature channels C.
        num_classes: classes L.
        channels: channels after the projection.
        num_codewords: codebook size K.

    Source: Zhang, Xue and Dana, CVPR 2017 (arXiv 1612.02844), section 3.
    """

    def __init__(
        self, in_channels: int, num_classes: int, channels: int = 128, num_codewords: int = 32
    ) -> None:
        super().__init__()
        self.project = nn.Sequential(
            nn.Conv2d(in_channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        )
        self.encoding = Encoding(channels, num_codewords)
        self.classifier = nn.Linear(num_codewords * channels, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Class logits."""
        return self.classifier(F.normalize(self.encoding(self.project(features)).flatten(1)))
