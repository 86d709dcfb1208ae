"""SE-loss: is the class anywhere in the image?"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.losses.mean import Sum, mean_over_processes
from contextseg.ops.class_presence import class_presence


def se_loss(presence_logits: Tensor, labels: Tensor) -> Tensor:
    """Semantic encoding loss: binary cross-entropy of class presence, averaged over classes.

    Ignored pixels belong to no class. An image without a valid pixel is left out: its content is
    unknown.

    Args:
        presence_logits: [B, L].
        labels: [B, h, w], integer, 0 to L - 1 or 255 (ignored).

    Returns:
        The loss, [], in float32 or wider.

    Source: Zhang et al., CVPR 2018 (arXiv 1803.08904), section 3.1.
    """
    return mean_over_processes(se_sums(presence_logits, labels))


def se_sums(presence_logits: Tensor, labels: Tensor) -> Sum:
    """The sum over the images of this process, and the number of its terms."""
    logits = presence_logits.to(torch.promote_types(presence_logits.dtype, torch.float32))
    presence = class_presence(labels, logits.shape[1])  # [B, L]
    known = presence.any(1, keepdim=True).to(logits.dtype)  # [B, 1]
    losses = F.binary_cross_entropy_with_logits(logits, presence.to(logits.dtype), reduction="none")
    return Sum((losses * known).sum(), known.sum() * logits.shape[1])
