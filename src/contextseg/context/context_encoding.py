"""The Context Encoding Module of EncNet: semantics, scaling factors, class presence."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from contextseg.context.encoding import Encoding
from contextseg.context.layers import conv_norm_relu


class ContextEncoding(nn.Module):
    """Gates the channels of a feature map by the content of the whole image.

    A codebook encodes the projected features; the encoders, normalised and averaged over the
    codewords, are the encoded semantics e of the image. A fully connected layer with a sigmoid
    turns e into scaling factors γ of the channels (featuremap attention); another one predicts
    which classes are present.

    Shape:
        features: [B, C, H, W].
        returns:  features [B, C, H, W] and presence logits [B, L], or None without that branch.

    Args:
        channels: feature channels C.
        num_codewords: codebook size K; with 0, e is the global average of the projected features
            instead, as in the paper's sweep over K.
        num_classes: classes L of the presence branch, or None to leave it out.
        variant: `paper` returns x·γ as the article does, `reference` ReLU(x + x·γ) as the authors'
            code does.

    Source: Zhang et al., CVPR 2018 (arXiv 1803.08904), section 3.1. As in every published
    checkpoint, e is the mean over codewords; the paper's sum differs by the constant K.
    """

    def __init__(
        self,
        channels: int,
        num_codewords: int = 32,
        num_classes: int | None = None,
        variant: Literal["reference", "paper"] = "paper",
    ) -> None:
        super().__init__()
        self.variant = variant
        self.projection = conv_norm_relu(channels, channels, 1)
        self.encoding = Encoding(channels, num_codewords) if num_codewords else None
        self.norm = nn.BatchNorm1d(num_codewords) if num_codewords else None
        self.scaling = nn.Linear(channels, channels)
        self.presence = None if num_classes is None else nn.Linear(channels, num_classes)

    def semantics(self, features: Tensor) -> Tensor:
        """Encoded semantics e [B, C] of features [B, C, H, W]."""
        projected = self.projection(features)  # [B, C, H, W]
        if self.encoding is None or self.norm is None:
            return projected.mean((2, 3))
        encoders = self.norm(self.encoding(projected))  # [B, K, C], the norm's channels are K
        return torch.relu(encoders).mean(1)

    def gates(self, semantics: Tensor) -> Tensor:
        """Scaling factors γ [B, C], in 0 to 1, of encoded semantics [B, C]."""
        return torch.sigmoid(self.scaling(semantics))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        """Gated features and presence logits."""
        semantics = self.semantics(features)  # [B, C]
        scaling = self.gates(semantics)[:, :, None, None]  # [B, C, 1, 1]
        gated = features * scaling.to(features.dtype)
        if self.variant == "reference":
            gated = torch.relu(features + gated)
        presence = None if self.presence is None else self.presence(semantics)  # [B, L]
        return gated, presence
