"""CPNet from the stages of a backbone to features."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from contextseg.context.context_prior import ContextPrior
from contextseg.context.layers import conv_norm_relu
from contextseg.context.outputs import ContextOutput, StageChannels, Stages


class CPNetContext(nn.Module):
    """CPNet from stages to features: aggregation of c5, Context Prior, fusion.

    Shape:
        stages:  c5 is [B, C5, H, W].
        labels:  [B, h, w], integer, 255 for void; only needed for the affinity loss.
        returns: `ContextOutput`, features [B, channels, H, W], prior, and affinity terms if labels
            were given and `affinity` is set.

    Args:
        stage_channels: channels of each stage.
        channels: channels of the aggregated features, the contexts and the fused features; 512 in
            the paper.
        aggregation: from c5 to features of `channels`, and to others that may be gathered instead
            (`Aggregation`); or to features alone (`PyramidPooling`, `ASPP`).
        prior: the Context Prior Layer.
        values: `aggregated` gathers the features that the prior is made from, `reduced` those
            before the asymmetric convolutions of `Aggregation`.
        contexts: `intra`, `inter` or `both` are fused with c5.
        affinity: compute the terms of the affinity loss.

    Source: Yu et al., CVPR 2020 (arXiv 2004.01547), section 3; the convolutions after each context
    and the fusion follow the authors' code.
    """

    def __init__(
        self,
        stage_channels: StageChannels,
        channels: int,
        *,
        aggregation: nn.Module,
        prior: ContextPrior,
        values: Literal["aggregated", "reduced"] = "aggregated",
        contexts: Literal["both", "intra", "inter"] = "both",
        affinity: bool = True,
    ) -> None:
        super().__init__()
        self.aggregation = aggregation
        self.prior = prior
        self.values: Literal["aggregated", "reduced"] = values
        self.affinity = affinity
        names = ("intra", "inter") if contexts == "both" else (contexts,)
        self.projections = nn.ModuleDict(
            {name: conv_norm_relu(channels, channels, 1) for name in names}
        )
        self.fusion = conv_norm_relu(stage_channels.c5 + len(names) * channels, channels, 3)
        self.out_channels = channels

    def forward(self, stages: Stages, labels: Tensor | None = None) -> ContextOutput:
        """c5 fused with the contexts of each pixel's class and of the others."""
        found = self.aggregation(stages.c5)
        aggregated, reduced = found if isinstance(found, tuple) else (found, found)
        context = self.prior(
            aggregated,
            aggregated if self.values == "aggregated" else reduced,
            labels if self.affinity else None,
        )
        maps = [stages.c5]
        for name, projection in self.projections.items():
            maps.append(projection(context.intra if name == "intra" else context.inter))
        return ContextOutput(
            features=self.fusion(torch.cat(maps, dim=1)),
            prior=context.prior,
            affinity=context.affinity,
        )
