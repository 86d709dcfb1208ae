"""The pyramid pooling module of PSPNet: means over regions of the image at several scales."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.context.layers import conv_norm_relu
from contextseg.context.pooled_norm import PooledBatchNorm2d


class PyramidPooling(nn.Module):
    """Gives each pixel the means of image regions, from the whole image to a 6 × 6 grid.

    For each bin count b, the map is averaged over b × b regions, reduced to fewer channels by a 1x1
    convolution, and resized back; a 3x3 convolution fuses the map and all of these.

    Shape:
        features: [B, in_channels, H, W], any H and W.
        returns:  [B, out_channels, H, W].

    Args:
        in_channels: channels of the map that is pooled.
        out_channels: channels of the fused map.
        bins: regions along each side, one branch for each number.
        align_corners: convention of the resize of the branches.

    Source: Zhao et al., CVPR 2017 (arXiv 1612.01105), section 3.2: branches have
    in_channels / len(bins) channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        bins: Sequence[int] = (1, 2, 3, 6),
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        self.bins = tuple(bins)
        self.align_corners = align_corners
        channels = max(1, in_channels // len(self.bins))
        self.branches = nn.ModuleList(
            conv_norm_relu(in_channels, channels, 1, norm=PooledBatchNorm2d) for _ in self.bins
        )
        self.fusion = conv_norm_relu(in_channels + len(self.bins) * channels, out_channels, 3)
        self.out_channels = out_channels

    def forward(self, features: Tensor) -> Tensor:
        """Features fused with the means of their regions."""
        size = features.shape[2:]
        maps = [features]
        pooled = region_means(features, self.bins)
        for branch, means in zip(self.branches, pooled, strict=True):
            maps.append(
                F.interpolate(
                    branch(means), size, mode="bilinear", align_corners=self.align_corners
                )
            )
        return self.fusion(torch.cat(maps, dim=1))


def region_means(features: Tensor, bins: Sequence[int]) -> list[Tensor]:
    """`adaptive_avg_pool2d(features, b)` for each b, as one product with averaging matrices.

    The map is read only once. The matrices are computed from its size when the graph runs:
    adaptive pooling exported to ONNX by torch 2.15 is wrong at any size but that of the example.

    Args:
        features: [B, C, H, W], any strides.
        bins: regions along each side.

    Returns:
        [B, C, b, b] for each b of `bins`.
    """
    height, width = features.shape[2:]
    matrices = []
    for number in bins:
        rows = averaging_matrix(height, number, features)
        columns = averaging_matrix(width, number, features)
        regions = rows[:, None, :, None] * columns[None, :, None, :]  # [b, b, H, W]
        matrices.append(regions.reshape(number * number, height * width))
    means = features.flatten(2) @ torch.cat(matrices).T  # [B, C, sum of b²]
    parts = means.split([number * number for number in bins], dim=2)
    return [p.unflatten(2, (b, b)) for p, b in zip(parts, bins, strict=True)]


def averaging_matrix(length: int, bins: int, like: Tensor) -> Tensor:
    """Weights [bins, length] that average a line over its regions; each row sums to 1.

    Region i goes from floor(i · length / bins) to ceil((i + 1) · length / bins): if `bins` does not
    divide the length, neighbours overlap, as in adaptive pooling.

    Args:
        length: of the line.
        bins: regions.
        like: dtype and device of the matrix.
    """
    region = torch.arange(bins, device=like.device)[:, None]
    position = torch.arange(length, device=like.device)
    start = region * length // bins
    stop = ((region + 1) * length + bins - 1) // bins
    inside = (start <= position) & (position < stop)
    return inside.to(like.dtype) / (stop - start).to(like.dtype)
