"""Building blocks of context modules and heads."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn


def conv_norm_relu(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    *,
    dilation: int = 1,
    norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
) -> nn.Sequential:
    """Convolution that keeps the map's size (no bias), batch norm, ReLU."""
    convolution = nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        padding=kernel_size // 2 * dilation,
        dilation=dilation,
        bias=False,
    )
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, norm(out_channels), nn.ReLU(inplace=True))


def classifier(channels: int, num_classes: int, dropout: float) -> nn.Sequential:
    """Dropout and a 1x1 convolution to class logits."""
    convolution = nn.Conv2d(channels, num_classes, 1)
    nn.init.normal_(convolution.weight, std=0.01)
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # the convolution has a bias
    return nn.Sequential(nn.Dropout(dropout), convolution)
