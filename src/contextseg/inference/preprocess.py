"""Preprocess 8-bit images for the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.config import ModelConfig
from contextseg.data.loading import as_tensor
from contextseg.data.normalise import normalise, pixel_statistics
from contextseg.inference.views.plan import View


def to_canvas(
    image: np.ndarray | Tensor,
    smallest: int | tuple[int, int],
    config: ModelConfig,
    device: torch.device,
    multiple: int = 1,
) -> Tensor:
    """Move an image to the device, and pad it if its size does not suit the network.

    Args:
        image: uint8, RGB: an array [h, w, 3] or a tensor [3, h, w].
        smallest: minimum rows and columns; one number stands for both.
        config: the network's config, for the mean colour.
        device: the network's device.
        multiple: number that rows and columns must be a multiple of.

    Returns:
        [1, 3, rows, columns], uint8, as from `padded`.
    """
    if isinstance(image, np.ndarray):
        pixels = as_tensor(image).to(device).permute(2, 0, 1)
    else:
        pixels = image.to(device, non_blocking=True)
    return padded(pixels[None], smallest, multiple, config)


def padded(
    images: Tensor, smallest: int | tuple[int, int], multiple: int, config: ModelConfig
) -> Tensor:
    """Pad images below and to the right, in the mean colour.

    A network's features are `multiple` pixels apart. If the image's size is not a multiple of that,
    upsampling would stretch them slightly, which the network never saw in training.

    Args:
        images: [B, 3, h, w], uint8.
        smallest: minimum rows and columns; one number stands for both.
        multiple: number that rows and columns must be a multiple of, at least 1.
        config: the network's config, for the mean colour.

    Returns:
        [B, 3, rows, columns], uint8; the images themselves if they need no padding.
    """
    (height, width), batch = images.shape[2:], len(images)
    least = (smallest, smallest) if isinstance(smallest, int) else smallest
    rows, columns = (
        -(-max(side, needed) // multiple) * multiple
        for side, needed in zip((height, width), least, strict=True)
    )
    if (rows, columns) == (height, width):
        return images
    mean = pixel_statistics(config.normalisation, images.device).mean.round().to(torch.uint8)
    canvas = mean.repeat(batch, 1, rows, columns)
    canvas[:, :, :height, :width] = images
    return canvas


def network_input(canvas: Tensor, views: Sequence[View], config: ModelConfig) -> Tensor:
    """Crop, resize, mirror and normalise the views of an image.

    Args:
        canvas: the image, [1, 3, h, w], uint8.
        views: B views of it, all of the same `size`.
        config: the network's config, for mean and standard deviation.

    Returns:
        [B, 3, *size], float32, channels last.
    """
    statistics = pixel_statistics(config.normalisation, canvas.device)
    inputs = torch.empty(
        (len(views), 3, *views[0].size),
        device=canvas.device,
        memory_format=torch.channels_last,
    )
    for index, view in enumerate(views):
        region = canvas[
            :, :, view.top : view.top + view.rows, view.left : view.left + view.columns
        ].float()
        if region.shape[2:] != view.size:
            # Antialiased, as in image libraries; it makes a difference only below scale 1.
            region = F.interpolate(region, view.size, mode="bilinear", antialias=True)
        if view.mirrored:
            region = region.flip(3)
        normalise(region[0], statistics, out=inputs[index])
    return inputs


def size_of(image: np.ndarray | Tensor) -> tuple[int, int]:
    """Rows and columns of an array [h, w, 3] or a tensor [3, h, w]."""
    height, width = image.shape[:2] if isinstance(image, np.ndarray) else image.shape[1:]
    return height, width
