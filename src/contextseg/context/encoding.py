"""The Encoding Layer of EncNet."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from contextseg.ops.encode import encode
from contextseg.ops.encode.assignment import soft_assignment


class Encoding(nn.Module):
    """A learned codebook that turns a feature map into residual encoders.

    Shape:
        features: [B, C, H, W], any memory format.
        returns:  [B, K, C], float32 (float64 for float64 input).

    Args:
        channels: feature channels C.
        num_codewords: codebook size K; EncNet uses 32.
        smoothing: `learned`; `fixed` at 0.5; or `drawn` from U(0, 1), K numbers per batch at each
            forward in training mode, and 0.5 in eval mode (the authors' EncodingDrop). The K
            factors are always parameters, but have no gradient unless they are learned.

    Source: Zhang et al., CVPR 2018 (arXiv 1803.08904), equation 1; the layer goes back to Deep TEN
    (arXiv 1612.02844). Initial ranges follow the authors' code, whose `scale` is the negative of
    `smoothing` here.
    """

    codewords: Tensor
    smoothing: Tensor

    def __init__(
        self,
        channels: int,
        num_codewords: int = 32,
        smoothing: Literal["learned", "fixed", "drawn"] = "learned",
    ) -> None:
        super().__init__()
        if channels < 1 or num_codewords < 1:
            raise ValueError(
                f"Encoding: channels and num_codewords must be at least 1, got {channels} and "
                f"{num_codewords}."
            )
        self.codewords = nn.Parameter(torch.empty(num_codewords, channels))
        self.smoothing = nn.Parameter(
            torch.empty(num_codewords), requires_grad=smoothing == "learned"
        )
        self.smoothing_mode = smoothing
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw codewords from U(-b, b), b = (K C) ** -0.5, and learned smoothing from U(0, 1)."""
        bound = self.codewords.numel() ** -0.5
        nn.init.uniform_(self.codewords, -bound, bound)
        if self.smoothing_mode == "learned":
            nn.init.uniform_(self.smoothing, 0.0, 1.0)
        else:
            nn.init.constant_(self.smoothing, 0.5)

    def forward(self, features: Tensor) -> Tensor:
        """Residual encoders of a feature map."""
        smoothing = self.smoothing
        if self.smoothing_mode == "drawn" and self.training:
            smoothing = torch.rand_like(smoothing)
        return encode(_pixels(features), self.codewords, smoothing)

    def assignment(self, features: Tensor) -> Tensor:
        """How much each codeword holds of each pixel of features [B, C, H, W].

        Returns:
            [B, K, H, W], in 0 to 1, adding up to 1 over the codewords, float32 or wider; with the
            stored smoothing factors and without gradient.
        """
        weights = soft_assignment(_pixels(features), self.codewords, self.smoothing)  # [B, N, K]
        return weights.mT.unflatten(2, features.shape[2:])

    def extra_repr(self) -> str:
        """Sizes for printing."""
        num_codewords, channels = self.codewords.shape
        return f"channels={channels}, num_codewords={num_codewords}"


def _pixels(features: Tensor) -> Tensor:
    """[B, N, C] of a feature map [B, C, H, W], N = H * W; no copy."""
    return features.flatten(2).transpose(1, 2)
