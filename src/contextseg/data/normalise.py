"""Normalisation of images: subtract the mean, divide by the standard deviation."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from contextseg.config import Normalisation


class PixelStatistics(NamedTuple):
    """Mean and standard deviation of pixels on the scale 0 to 255."""

    mean: Tensor
    """[C, 1, 1], float32."""
    std: Tensor
    """[C, 1, 1], float32."""


def pixel_statistics(
    normalisation: Normalisation, device: torch.device | str | None = None
) -> PixelStatistics:
    """A config's mean and standard deviation as tensors on a device, for `normalise`."""
    mean, std = (
        torch.tensor(values, device=device).mul_(255).view(-1, 1, 1) for values in normalisation
    )
    return PixelStatistics(mean, std)


def normalise(images: Tensor, statistics: PixelStatistics, out: Tensor | None = None) -> Tensor:
    """Normalise images for a network: (image - 255 · mean) / (255 · std).

    Training, prediction and export all call this function, so they agree to the last bit.

    Args:
        images: [..., C, h, w], uint8 or floating point, 0 to 255.
        statistics: on the device of the images.
        out: float32 tensor to write into, of the images' shape; None allocates one.

    Returns:
        float32, of the images' shape and layout, or `out`.
    """
    return torch.sub(images, statistics.mean, out=out).div_(statistics.std)
