"""Residual blocks with norm and ReLU before each convolution, of any number of convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class PreActivation(nn.Module):
    """Norm, ReLU and convolution, two or three times, added to the input.

    Where the shape changes, the input's way around is a 1x1 convolution of the activated input.

    Shape:
        features: [B, in_channels, H, W].
        returns:  [B, widths[-1], H / stride, W / stride].

    Args:
        in_channels: of the features.
        widths: channels of each convolution: two of 3x3, or three of 1x1, 3x3 and 1x1.
        stride: of the first convolution.
        dilation: of the 3x3 convolutions.
        dropout: share of the values dropped before the last convolution.

    Source: He et al., ECCV 2016 (arXiv 1603.05027); Zagoruyko and Komodakis, BMVC 2016
    (arXiv 1605.07146).
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        *,
        stride: int = 1,
        dilation: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.activation = activation(in_channels)
        layers: list[nn.Module] = []
        channels = in_channels
        for i, width in enumerate(widths):
            if i:
                layers += [activation(channels)]
            if dropout and i == len(widths) - 1:
                layers.append(nn.Dropout(dropout))
            side = 3 if len(widths) == 2 or i == 1 else 1
            step, reach = (stride if i == 0 else 1), (dilation if side == 3 else 1)
            layers.append(convolution(channels, width, side, stride=step, dilation=reach))
            channels = width
        self.layers = nn.Sequential(*layers)
        self.projection = None
        if stride > 1 or channels != in_channels:
            self.projection = convolution(in_channels, channels, 1, stride=stride)

    def forward(self, features: Tensor) -> Tensor:
        """The features of the next block."""
        activated = self.activation(features)
        around = features if self.projection is None else self.projection(activated)
        return around + self.layers(activated)


def activation(channels: int) -> nn.Sequential:
    """Batch norm and ReLU."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def convolution(
    in_channels: int, out_channels: int, side: int, *, stride: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """A convolution without bias that keeps the size, or divides it by `stride`."""
    layer = nn.Conv2d(
        in_channels, out_channels, side, stride, side // 2 * dilation, dilation, bias=False
    )
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer
