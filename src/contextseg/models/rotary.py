"""Rotary position embeddings that can be exported for images of any size."""

from __future__ import annotations

from typing import Any

import torch
from timm.layers.pos_embed_sincos import RotaryEmbeddingDinoV3
from torch import Tensor, nn


class FreeRotaryEmbedding(RotaryEmbeddingDinoV3):
    """timm's embedding of DINOv3, without the size of the traced image in an exported graph.

    timm computes the positions with Python floats, which an export stores as constants. Here an
    export divides by the size of the image at hand; everything else is timm's.
    """

    def _create_embed(self, feat_shape: Any, no_aug: bool = False) -> Tensor:
        if not torch.compiler.is_exporting():
            return super()._create_embed(feat_shape, no_aug)
        axes = [(torch.arange(n).float() + 0.5 + self.grid_offset) / n for n in feat_shape]
        positions = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        coords = 2 * positions.flatten(0, 1) - 1  # [H * W, 2]
        return torch.cat(self._get_pos_embed_from_coords(coords), dim=-1)


def free_rotary(network: nn.Module) -> None:
    """Turn the rotary embeddings of a DINOv3 network into `FreeRotaryEmbedding`."""
    for module in network.modules():
        if type(module) is RotaryEmbeddingDinoV3 and (
            module.grid_indexing == "ij" and module.normalize_coords == "separate"
        ):
            module.__class__ = FreeRotaryEmbedding
