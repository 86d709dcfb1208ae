"""Heads: from features to class logits."""

from __future__ import annotations

from torch import Tensor, nn

from contextseg.context.context_encoding import ContextEncoding
from contextseg.context.layers import classifier, conv_norm_relu


class AuxiliaryHead(nn.Module):
    """Auxiliary classifier on stage c4: 3x3 convolution, classifier.

    In EncNet's `paper` variant, a Context Encoding Module sits between the two.

    Shape:
        c4:      [B, C4, H, W].
        returns: logits [B, L, H, W] and presence logits [B, L], or None without that branch.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        num_classes: int,
        dropout: float,
        encoding: ContextEncoding | None = None,
    ) -> None:
        super().__init__()
        self.reduction = conv_norm_relu(in_channels, channels, 3)
        self.encoding = encoding
        self.classifier = classifier(channels, num_classes, dropout)

    def forward(self, c4: Tensor) -> tuple[Tensor, Tensor | None]:
        """Coarse logits and presence logits."""
        features, presence_logits = self.reduction(c4), None
        if self.encoding is not None:
            features, presence_logits = self.encoding(features)
        return self.classifier(features), presence_logits
