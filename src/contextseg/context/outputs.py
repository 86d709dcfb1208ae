"""Input and output of context modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from contextseg.ops.context_prior import AffinityTerms, Prior


class Stages(NamedTuple):
    """Feature maps of a backbone, named as in FPN: c5 is the last stage, ResNet's `layer4`.

    Each is [B, C_i, H_i, W_i]. At output stride 8, c3, c4 and c5 are of the same size, [height / 8,
    width / 8], rounded up. If a backbone has fewer than four stages, its first one is repeated.
    """

    c2: Tensor
    c3: Tensor
    c4: Tensor
    c5: Tensor


class StageChannels(NamedTuple):
    """Channels of each stage."""

    c2: int
    c3: int
    c4: int
    c5: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextOutput:
    """Features with context, and the module's further outputs."""

    features: Tensor
    """[B, C, H, W], the context module's own channels."""
    presence_logits: Tensor | None = None
    """[B, L], one logit per class: is it anywhere in the image? (EncNet, for its SE-loss)"""
    prior: Prior | None = None
    """Rows of the context prior on demand (CPNet)."""
    affinity: AffinityTerms | None = None
    """Terms of the affinity loss, if labels were given (CPNet)."""


def resize(features: Tensor, size: Sequence[int], align_corners: bool = False) -> Tensor:
    """Bilinear resize of [B, C, H, W] to [B, C, *size]; the tensor itself if sizes match."""
    if tuple(features.shape[-2:]) == tuple(size):
        return features
    return F.interpolate(features, size=tuple(size), mode="bilinear", align_corners=align_corners)
