"""Four stages from the maps of a plain transformer, which all have one stride."""

from __future__ import annotations

from collections.abc import Sequence

from timm.layers.norm import LayerNorm2d
from torch import Tensor, nn


class SimplePyramid(nn.Module):
    """Scales maps at the stride of a patch to the strides of a pyramid.

    At the stride of the patch, or half of it, c3, c4 and c5 have one size, as those of a dilated
    network. At twice the patch each is half as large as the one before it, as the joint pyramid
    upsampling wants them. A transposed convolution of 2x2 pixels enlarges a map and halves its
    channels, max pooling shrinks it. c2, which no context module here reads, has the size of c3 and
    no weights of its own.

    Shape:
        maps:    [B, C, H, W]: one, or four for c2, c3, c4 and c5.
        returns: c2 … c5, each [B, C_i, H_i, W_i].

    Args:
        channels: C.
        patch: image pixels per pixel of a map.
        output_stride: image pixels per pixel of c5: half of `patch`, `patch`, or twice `patch`.
        layers: whether each stage has a map of its own, from a deeper and deeper layer.

    Raises:
        ValueError: the stride is another, or the half of an odd patch.

    Source: Li et al., "Exploring Plain Vision Transformer Backbones for Object Detection", ECCV
    2022 (arXiv 2203.16527), section 3. Several layers as in Bao et al., "BEiT", ICLR 2022 (arXiv
    2106.08254), appendix.
    """

    def __init__(
        self, channels: int, patch: int, output_stride: int, *, layers: bool = False
    ) -> None:
        super().__init__()
        allowed = [patch, 2 * patch] if patch % 2 else [patch // 2, patch, 2 * patch]
        if output_stride not in allowed:
            raise ValueError(
                f"backbone: the output_stride of patches of {patch} pixels must be one of "
                f"{', '.join(map(str, allowed))}, got {output_stride}. Leave it out for {patch}."
            )
        scale = output_stride / patch
        scales = (scale,) * 4 if scale <= 1 else (0.5, 0.5, 1.0, 2.0)  # c2 … c5
        sources = [(i if layers else 0, scale) for i, scale in enumerate(scales)]
        self.sources = list(dict.fromkeys(sources))  # those of one layer and size are one map
        self.resizers = nn.ModuleList(resizer(channels, scale) for _, scale in self.sources)
        self.indices = [self.sources.index(source) for source in sources]
        self.strides = [round(scale * patch) for scale in scales]
        self.channels = [channels // 2 if scale < 1 else channels for scale in scales]
        if layers and scale != 1:
            self.resizers[0] = nn.Upsample(scale_factor=1 / scales[0], mode="bilinear")
            self.channels[0] = channels

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The four stages."""
        resized = [
            resizer(maps[layer])
            for resizer, (layer, _) in zip(self.resizers, self.sources, strict=True)
        ]
        return [resized[index] for index in self.indices]


def resizer(channels: int, scale: float) -> nn.Module:
    """From a map at the stride of a patch to `scale` times that stride: a half, 1 or 2."""
    if scale < 1:
        return nn.Sequential(
            nn.ConvTranspose2d(channels, channels // 2, 2, 2), LayerNorm2d(channels // 2)
        )
    return nn.MaxPool2d(2, 2, ceil_mode=True) if scale > 1 else nn.Identity()
