"""Labels to class presence: which classes are anywhere in the image."""

from __future__ import annotations

import torch
from torch import Tensor


def class_presence(labels: Tensor, num_classes: int) -> Tensor:
    """Which classes occur in each image, the target of the SE-loss.

    A single scatter on the device of the labels: no loop over images or classes, no
    synchronisation with the host, deterministic on every device.

    Args:
        labels: label maps, [B, h, w], integer. Values of `num_classes` and above (the ignored
            label 255) and below 0 count as no class.
        num_classes: L.

    Returns:
        Presence, [B, L], bool.

    Source: Zhang et al., CVPR 2018 (arXiv 1803.08904), section 3.1, SE-loss.
    """
    flat = labels.flatten(1)  # [B, N]
    index = flat.to(torch.int64)
    index = torch.where((index < 0) | (index >= num_classes), num_classes, index)
    presence = torch.zeros(
        (labels.shape[0], num_classes + 1), dtype=torch.bool, device=labels.device
    )
    return presence.scatter_(1, index, True)[:, :num_classes]
