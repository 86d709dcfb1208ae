"""Output of a segmentation model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from contextseg.context.outputs import resize
from contextseg.ops.context_prior import AffinityTerms, Prior


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class SegmentationOutput:
    """Class logits of an image, and the logits that the other losses need."""

    coarse_logits: Tensor
    """[B, L, H, W] at feature size, or that of a CRF; losses, metrics and predictions are made
    from these."""
    size: tuple[int, int]
    """Rows and columns of the image."""
    align_corners: bool = False
    """Convention of the upsampling to `size`."""
    presence_logits: Tensor | None = None
    """[B, L], from the SE branch on c5."""
    aux_coarse_logits: Tensor | None = None
    """[B, L, H', W'] at the size of c4, from the auxiliary head; only while training."""
    aux_presence_logits: Tensor | None = None
    """[B, L], from the SE branch on c4 (EncNet's `paper` variant); only while training."""
    prior: Prior | None = None
    """The context prior: which pixels share a pixel's class; rows on demand (CPNet)."""
    affinity: AffinityTerms | None = None
    """Terms of the affinity loss (CPNet); only if labels were given."""

    @property
    def logits(self) -> Tensor:
        """[B, L, height, width]: `coarse_logits` upsampled to the image at each access."""
        return upsample(self.coarse_logits, self.size, self.align_corners)

    @property
    def aux_logits(self) -> Tensor | None:
        """[B, L, height, width] of the auxiliary head, or None (always in eval mode)."""
        if self.aux_coarse_logits is None:
            return None
        return upsample(self.aux_coarse_logits, self.size, self.align_corners)

    def __repr__(self) -> str:
        """The shapes of the tensors that are there."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        shapes = [f"{k}={list(v.shape)}" for k, v in values.items() if isinstance(v, Tensor)]
        others = [name for name in ("prior", "affinity") if values[name] is not None]
        return f"SegmentationOutput({', '.join([*shapes, f'size={self.size}', *others])})"


def upsample(logits: Tensor, size: Sequence[int], align_corners: bool = False) -> Tensor:
    """Bilinear resize of logits [B, L, H, W] to [B, L, *size], in float32 or wider."""
    return resize(logits.to(torch.promote_types(logits.dtype, torch.float32)), size, align_corners)
