"""Hiera on images of any size."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn


class HieraStages(nn.Module):
    """The four stages of timm's Hiera, whose own forward takes images of one size.

    Its blocks see tokens in windows: the eight rows and columns of a window are split into three
    halvings, the finest first, and each stage pools away the finest one left. Only the order of
    tokens and the position embeddings depend on the size of the image; both are computed here.

    Shape:
        image:   [B, 3, height, width], multiples of 32, normalised.
        returns: maps [B, C_i, height / 4, width / 4] and half, a quarter, an eighth of that size.

    Args:
        model: timm's `Hiera`, pooling three times by 2 x 2.

    Source: Ryali et al., "Hiera", ICML 2023 (arXiv 2306.00989).
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.halvings: int = model.q_pool
        self.above: int = model.patch_embed.proj.padding[0]
        model.patch_embed.proj.padding = (0, 0)  # see `forward`
        for block in model.blocks:
            if block.attn.use_mask_unit_attn:
                block.attn.fused_attn = False  # its five dimensions are too many for ONNX

    def forward(self, image: Tensor) -> list[Tensor]:
        """Four maps."""
        model, scale = self.model, 2**self.halvings
        windows = [side // (model.patch_stride[0] * scale) for side in image.shape[2:]]
        # Padded above and left alone: nothing reads the padding below and right of these sizes, and
        # without it an export can tell that rows and columns of tokens are multiples of a window.
        tokens = model.patch_embed.proj(F.pad(image, (self.above, 0, self.above, 0)))
        tokens = tokens + self._positions([side * scale for side in windows])  # [B, C, H, W]
        x = in_windows(tokens, windows, self.halvings)
        maps = []
        for index, block in enumerate(model.blocks):
            x = block(x)
            if index in model.stage_ends:
                maps.append(in_rows(x, windows, self.halvings - len(maps)))
        return maps

    def _positions(self, size: list[int]) -> Tensor:
        """Position embeddings [1, C, H, W]."""
        model = self.model
        if model.pos_embed_win is not None:  # one for the image and one that repeats in each window
            window = model.pos_embed_win
            repeated = window.tile([n // m for n, m in zip(size, window.shape[2:], strict=True)])
            return resized(model.pos_embed, size) + repeated
        learned = model.pos_embed.transpose(1, 2).unflatten(2, model.tokens_spatial_shape)
        return resized(learned, size)


def resized(positions: Tensor, size: list[int]) -> Tensor:
    """Bicubic resize of [1, C, h, w]; exact where the size is the same."""
    return F.interpolate(positions, size=size, mode="bicubic", antialias=True)


def in_windows(tokens: Tensor, windows: list[int], halvings: int) -> Tensor:
    """Tokens [B, C, H, W] as [B, N, C], ordered by position in a window, then by window."""
    rows, columns = windows
    batch, channels = tokens.shape[:2]
    bits = [2] * halvings
    x = tokens.reshape(batch, channels, rows, *bits, columns, *bits)
    first_row, first_column = 2, 3 + halvings
    order = [0]
    for bit in range(halvings, 0, -1):  # the finest halving is the last
        order += [first_row + bit, first_column + bit]
    x = x.permute(*order, first_row, first_column, 1)
    return x.reshape(batch, rows * columns * 4**halvings, channels)


def in_rows(x: Tensor, windows: list[int], halvings: int) -> Tensor:
    """Tokens [B, N, C] with these many halvings left as a map [B, C, H, W]."""
    rows, columns = windows
    batch, channels = x.shape[0], x.shape[2]
    x = x.reshape(batch, *[2] * (2 * halvings), rows, columns, channels)
    row = 1 + 2 * halvings
    bits = range(halvings, 0, -1)  # the coarsest halving is the last, and is next to the windows
    order = [0, row + 2, row, *(2 * b - 1 for b in bits), row + 1, *(2 * b for b in bits)]
    scale = 2**halvings
    return x.permute(order).reshape(batch, channels, rows * scale, columns * scale)
