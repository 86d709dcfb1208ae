"""RefineNet: from c5 down to c2, each stage refines what the coarser ones found."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.context.outputs import ContextOutput, StageChannels, Stages, resize


class RefineNetContext(nn.Module):
    """A cascade of four blocks, from c5 to c2, at the size of c2 in the end.

    Each block fuses its stage with the block before it (c5 stands alone), pools in a chain, and
    ends in a residual unit; the last has two more.

    Shape:
        stages:  c2 is [B, C2, H, W], the others [B, C_i, H_i, W_i].
        returns: `ContextOutput`, features [B, max(1, channels / 2), H, W].

    Args:
        stage_channels: channels of each stage.
        channels: channels of the block on c5; the other blocks have half of them.
        pools: pooling steps in each block's chain.
        align_corners: convention of the resize of coarser maps.
        norm: batch norm after each convolution; the paper has none.

    Source: Lin et al., CVPR 2017 (arXiv 1611.06612), section 3, with its 512 and 256 channels.
    """

    def __init__(
        self,
        stage_channels: StageChannels,
        channels: int,
        pools: int = 2,
        align_corners: bool = False,
        *,
        norm: bool = True,
    ) -> None:
        super().__init__()
        self.out_channels = max(1, channels // 2)
        widths = [channels, *[self.out_channels] * 3]  # of c5, c4, c3, c2
        self.blocks = nn.ModuleList(
            RefineBlock(
                stage,
                width,
                coarser=0 if i == 0 else widths[i - 1],
                pools=pools,
                units=3 if i == 3 else 1,
                norm=norm,
                align_corners=align_corners,
            )
            for i, (stage, width) in enumerate(zip(reversed(stage_channels), widths, strict=True))
        )

    def forward(self, stages: Stages) -> ContextOutput:
        """Features at the size of c2."""
        features = None
        for block, stage in zip(self.blocks, reversed(stages), strict=True):
            features = block(stage, features)
        assert features is not None
        return ContextOutput(features=features)


class RefineBlock(nn.Module):
    """One block: residual units, fusion with the coarser map, chained pooling, residual units.

    Shape:
        stage:   [B, stage_channels, H, W].
        coarser: [B, coarser, H', W'], or None where `coarser` is 0.
        returns: [B, width, H, W].
    """

    def __init__(
        self,
        stage_channels: int,
        width: int,
        *,
        coarser: int,
        pools: int,
        units: int,
        norm: bool,
        align_corners: bool,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.adaptation = nn.Sequential(
            conv3x3(stage_channels, width, norm),
            ResidualUnit(width, norm),
            ResidualUnit(width, norm),
        )
        self.own = self.coarser = None
        if coarser:
            self.own = conv3x3(width, width, norm)
            self.coarser = nn.Sequential(
                ResidualUnit(coarser, norm),
                ResidualUnit(coarser, norm),
                conv3x3(coarser, width, norm),
            )
        self.pooling = ChainedPooling(width, pools, norm)
        self.output = nn.Sequential(*(ResidualUnit(width, norm) for _ in range(units)))

    def forward(self, stage: Tensor, coarser: Tensor | None) -> Tensor:
        """Refined features at the stage's size."""
        features = self.adaptation(stage)
        if self.own is not None and self.coarser is not None and coarser is not None:
            more = resize(self.coarser(coarser), stage.shape[2:], self.align_corners)
            features = self.own(features) + more
        return self.output(self.pooling(features))


class ResidualUnit(nn.Module):
    """ReLU and 3x3 convolution, twice, added to the input. Identity at first."""

    def __init__(self, width: int, norm: bool) -> None:
        super().__init__()
        self.first = conv3x3(width, width, norm)
        self.second = conv3x3(width, width, norm)
        nn.init.zeros_(self.second[-1].weight)  # type: ignore[arg-type]  # of the norm, if any

    def forward(self, features: Tensor) -> Tensor:
        """[B, width, H, W], as the features."""
        return features + self.second(F.relu(self.first(F.relu(features))))


class ChainedPooling(nn.Module):
    """ReLU; then steps of 5x5 max-pooling and a 3x3 convolution, each step's result added.

    Each step pools what the step before it gave, so the chain sees ever larger regions. It begins
    as the ReLU alone: maxima of 25 values are large, and four chains in a row would make them huge.
    """

    def __init__(self, width: int, pools: int, norm: bool) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(conv3x3(width, width, norm) for _ in range(pools))
        for layers in self.convolutions:
            nn.init.zeros_(layers[-1].weight)  # type: ignore[index,arg-type]  # see above

    def forward(self, features: Tensor) -> Tensor:
        """[B, width, H, W], as the features."""
        total = step = F.relu(features)
        for convolution in self.convolutions:
            step = convolution(F.max_pool2d(step, 5, stride=1, padding=2))
            total = total + step
        return total


def conv3x3(in_channels: int, out_channels: int, norm: bool) -> nn.Sequential:
    """A 3x3 convolution that keeps a map's size and, at first, its variance; a norm or a bias."""
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=not norm)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="linear")
    if norm:
        return nn.Sequential(convolution, nn.BatchNorm2d(out_channels))
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # the convolution has a bias
    return nn.Sequential(convolution)
