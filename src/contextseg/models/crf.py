"""A fully connected CRF behind the head, trained with the network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.config import CRFConfig, Normalisation
from contextseg.models.outputs import upsample
from contextseg.ops import crf


class CRF(nn.Module):
    """Mean-field iterations as a layer: CRF-RNN, or with `config.reach` a local one.

    The weights of both kernels for each class are trained, and the matrix of compatibilities if it
    is `learned`. Widths of kernels are not, and no gradient flows into the image.

    Args:
        config: iterations, initial weights, widths.
        num_classes: classes L.
        normalisation: what was done to the pixels of images.

    Shape:
        coarse_logits: [B, L, H, W].
        image:         [B, C, height, width], normalised.
        returns:       [B, L, rows, columns], the image's size divided by `config.stride`, rounded
                       up, in float32 or wider.
    """

    mean: Tensor
    """[C, 1, 1], on the scale 0 to 255, like `std`."""
    std: Tensor

    def __init__(self, config: CRFConfig, num_classes: int, normalisation: Normalisation) -> None:
        super().__init__()
        self.config = config
        start = torch.tensor([[config.appearance], [config.smoothness]])
        self.weights = nn.Parameter(start.repeat(1, num_classes))
        self.compatibility: nn.Parameter | None = None
        if config.compatibility == "learned":
            self.compatibility = nn.Parameter(1 - torch.eye(num_classes))
        for name, values in zip(("mean", "std"), normalisation, strict=True):
            statistic = 255 * torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
            self.register_buffer(name, statistic, persistent=False)

    def forward(self, coarse_logits: Tensor, image: Tensor, align_corners: bool = False) -> Tensor:
        """Logits after the iterations, as many as `train_iterations` while training."""
        config = self.config
        return refined(
            upsample(coarse_logits, reduced(image.shape[2:], config.stride), align_corners),
            image.detach() * self.std + self.mean,
            config,
            iterations=config.train_iterations if self.training else config.iterations,
            weights=self.weights,
            compatibility=self.compatibility,
        )


def refined(
    logits: Tensor,
    image: Tensor,
    config: CRFConfig,
    *,
    iterations: int,
    weights: Tensor | Sequence[float],
    compatibility: Tensor | None = None,
) -> Tensor:
    """`contextseg.ops.crf` by a config.

    Args:
        logits: [B, L, *reduced(size)].
        image: [B, C, *size], on the scale 0 to 255.
        config: widths, in image pixels, reach and stride.
        iterations: as in the op, like `weights` and `compatibility`.
    """
    if config.stride > 1:
        size = logits.shape[2:]
        image = F.interpolate(image, size, mode="bilinear", antialias=True)
    return crf(
        logits,
        image,
        weights=weights,
        compatibility=compatibility,
        iterations=iterations,
        position=config.position / config.stride,
        colour=config.colour,
        spread=config.spread / config.stride,
        reach=config.reach,
    )


def reduced(size: Sequence[int], stride: int) -> tuple[int, int]:
    """Rows and columns of the CRF for an image of so many."""
    height, width = (-(-side // stride) for side in size)
    return height, width
