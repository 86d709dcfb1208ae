"""Context Encoding as a channel gate in a residual block."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.context.encoding import Encoding


class EncodingGate(nn.Module):
    """Scales the channels of a feature map by an encoding of the whole map.

    A 1x1 convolution to a quarter of the channels, a codebook, the residual encoders flattened and
    L2-normalised, a linear layer with a sigmoid: x·γ.

    Shape:
        features: [B, C, H, W].
        returns:  [B, C, H, W].

    Args:
        channels: feature channels C, at least 4.
        num_codewords: codebook size K.
        smoothing: smoothing factors; see `Encoding`.

    Source: Zhang et al., CVPR 2018 (arXiv 1803.08904), section 4.3. The softmax runs over the
    codewords as in equation 1; in the authors' code of that time it ran over the pixels.
    """

    def __init__(
        self,
        channels: int,
        num_codewords: int = 16,
        smoothing: Literal["learned", "fixed", "drawn"] = "learned",
    ) -> None:
        super().__init__()
        reduced = channels // 4
        self.project = nn.Sequential(
            nn.Conv2d(channels, reduced, 1), nn.BatchNorm2d(reduced), nn.ReLU(inplace=True)
        )
        self.encoding = Encoding(reduced, num_codewords, smoothing)
        self.gate = nn.Linear(num_codewords * reduced, channels)

    def forward(self, features: Tensor) -> Tensor:
        """The gated features."""
        encoders = self.encoding(self.project(features)).flatten(1)
        # The op returns float32: half precision would overflow with squared sums over many pixels.
        factors = self.gate(F.normalize(encoders)).sigmoid().to(features.dtype)
        return features * factors[:, :, None, None]
