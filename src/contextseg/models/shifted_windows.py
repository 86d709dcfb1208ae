"""Shifted windows that can be exported for images of any size."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from timm.models import swin_transformer, swin_transformer_v2
from torch import Tensor, nn

MASKED = -100.0
"""What timm adds to the attention between tokens that were no neighbours before the shift."""


class FreeWindows:
    """Attention in windows of Swin's blocks, in sizes that an export can follow.

    timm pads by remainders of remainders, stage after stage: more than an export can simplify. Here
    an export counts windows; everything else is timm's.
    """

    window_size: tuple[int, int]
    shift_size: tuple[int, int]
    attn: Any

    def _attn(self, x: Tensor) -> Tensor:
        if not torch.compiler.is_exporting():
            return super()._attn(x)  # type: ignore[misc]  # of timm's block
        height, width = x.shape[1:3]
        (high, wide), (down, right) = self.window_size, self.shift_size
        rows, columns = (height + high - 1) // high, (width + wide - 1) // wide
        x = torch.roll(x, (-down, -right), (1, 2))
        x = F.pad(x, (0, 0, 0, columns * wide - width, 0, rows * high - height))
        mask = None
        if down or right:
            region = 3 * regions(rows * high, high, down)[:, None]
            region = (region + regions(columns * wide, wide, right))[None, :, :, None]
            region = in_windows(region, rows, columns, high, wide)[:, :, 0]  # [windows, tokens]
            mask = (region[:, None] != region[:, :, None]).to(x.dtype) * MASKED
        x = self.attn(in_windows(x, rows, columns, high, wide), mask=mask)
        x = x.reshape(-1, rows, columns, high, wide, x.shape[2]).transpose(2, 3)
        x = x.reshape(-1, rows * high, columns * wide, x.shape[5])
        return torch.roll(x[:, :height, :width], (down, right), (1, 2))


def regions(length: int, window: int, shift: int) -> Tensor:
    """Which tokens along one side were neighbours before the shift: 0, 1 and 2, [length]."""
    index = torch.arange(length)
    return (index >= length - window).long() + (index >= length - shift).long()


def in_windows(x: Tensor, rows: int, columns: int, high: int, wide: int) -> Tensor:
    """Tokens [B, rows * high, columns * wide, C] as [B * windows, high * wide, C]."""
    channels = x.shape[3]
    x = x.reshape(-1, rows, high, columns, wide, channels).transpose(2, 3)
    return x.reshape(-1, high * wide, channels)


class FreeMerging:
    """Merging of 2 x 2 tokens, in sizes that an export can follow."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():
            height, width = x.shape[1:3]
            bottom, right = ((side + 1) // 2 * 2 - side for side in (height, width))
            x = F.pad(x, (0, 0, 0, right, 0, bottom))
        return super().forward(x)  # type: ignore[misc]  # of timm's layer


class FreeBlock(FreeWindows, swin_transformer.SwinTransformerBlock):
    """Swin's block."""


class FreeBlockV2(FreeWindows, swin_transformer_v2.SwinTransformerV2Block):
    """SwinV2's block."""


class FreePatchMerging(FreeMerging, swin_transformer.PatchMerging):
    """Swin's merging."""


class FreePatchMergingV2(FreeMerging, swin_transformer_v2.PatchMerging):
    """SwinV2's merging."""


FREE: dict[type[nn.Module], type[nn.Module]] = {
    swin_transformer.SwinTransformerBlock: FreeBlock,
    swin_transformer_v2.SwinTransformerV2Block: FreeBlockV2,
    swin_transformer.PatchMerging: FreePatchMerging,
    swin_transformer_v2.PatchMerging: FreePatchMergingV2,
}


def free_windows(network: nn.Module) -> None:
    """Turn the layers of a Swin or SwinV2 network into those above."""
    for module in network.modules():
        if type(module) in FREE:
            module.__class__ = FREE[type(module)]
