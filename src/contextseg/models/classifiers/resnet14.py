"""The 14-layer networks that the EncNet paper trains on CIFAR-10."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

Gate = Callable[[int], nn.Module]
"""Builds the gate of a feature map with the given number of channels."""


class PreActivationBlock(nn.Module):
    """Norm, ReLU and 3x3 convolution, twice, with a shortcut.

    Shape:
        features: [B, C, H, W].
        returns:  [B, out_channels, H / stride, W / stride].

    Source: He et al., ECCV 2016 (arXiv 1603.05027).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = conv3x3(in_channels, out_channels, stride)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.conv2 = conv3x3(out_channels, out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = shortcut(in_channels, out_channels, stride)

    def forward(self, features: Tensor) -> Tensor:
        """The features of the next block."""
        inner = self.conv1(self.relu(self.norm1(features)))
        inner = self.conv2(self.relu(self.norm2(inner)))
        return inner + self.shortcut(features)


class GatedBlock(nn.Module):
    """Two 3x3 convolutions with norms, followed by a gate; a shortcut, ReLU.

    Shape:
        features: [B, C, H, W].
        returns:  [B, out_channels, H / stride, W / stride].
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, gate: nn.Module) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, out_channels, stride)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = conv3x3(out_channels, out_channels)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.gate = gate
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = shortcut(in_channels, out_channels, stride)

    def forward(self, features: Tensor) -> Tensor:
        """The features of the next block."""
        inner = self.relu(self.norm1(self.conv1(features)))
        inner = self.gate(self.norm2(self.conv2(inner)))
        return self.relu(inner + self.shortcut(features))


class ResNet14(nn.Module):
    """A 3x3 stem, three stages of two blocks, norm and ReLU: 13 layers, the classifier is the 14th.

    Shape:
        images:  [B, 3, H, W], normalised; H and W are 32 on CIFAR-10.
        returns: [B, 4 · width, H / 4, W / 4].

    Args:
        width: channels of the first stage; the next have twice and four times as many.
        gate: builds the gate of a block, given its number of channels. Without one, blocks are
            pre-activation blocks, as the baseline's parameter count implies.
    """

    def __init__(self, width: int = 64, gate: Gate | None = None) -> None:
        super().__init__()
        self.out_channels = 4 * width
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        blocks: list[nn.Module] = []
        channels = width
        for factor, first_stride in ((1, 1), (2, 2), (4, 2)):
            for stride in (first_stride, 1):
                out = factor * width
                blocks.append(
                    PreActivationBlock(channels, out, stride)
                    if gate is None
                    else GatedBlock(channels, out, stride, gate(out))
                )
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Features to pool and classify."""
        return self.norm(self.blocks(self.stem(images)))


def conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution without bias that keeps the size, or divides it by `stride`."""
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)


def shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Identity if the shape stays, else a 1x1 convolution (with a bias, as the counts imply)."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Conv2d(in_channels, out_channels, 1, stride)
