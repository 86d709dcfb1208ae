"""8-bit images to what the network takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.config import ModelConfig
from contextseg.inference.views.plan import View


def to_canvas(
    image: np.ndarray | Tensor,
    smallest: int | tuple[int, int],
    config: ModelConfig,
    device: torch.device,
    multiple: int = 1,
) -> Tensor:
    """An image on the device, padded where its size does not suit the network.

    Args:
        image: uint8, RGB: an array [h, w, 3] or a tensor [3, h, w].
        smallest: rows and columns that are needed; one number stands for both.
        config: the network's; for the mean colour.
        device: where the network is.
        multiple: number that rows and columns must be a multiple of.

    Returns:
        [1, 3, rows, columns], uint8; as `padded` does it.
    """
    if isinstance(image, np.ndarray):
        if not image.flags.writeable:  # torch warns of tensors that could write there
            image = image.copy()
        pixels = torch.from_numpy(image).to(device).permute(2, 0, 1)
    else:
        pixels = image.to(device, non_blocking=True)
    return padded(pixels[None], smallest, multiple, config)


def padded(
    images: Tensor, smallest: int | tuple[int, int], multiple: int, config: ModelConfig
) -> Tensor:
    """Images with what misses added below and to the right, in the mean colour.

    A network's features stand `multiple` pixels apart. Where the image is no multiple of that,
    upsampling would stretch them a little, which training on crops that are one never showed.

    Args:
        images: [B, 3, h, w], uint8.
        smallest: rows and columns at least; one number stands for both.
        multiple: number that rows and columns must be a multiple of, at least 1.
        config: the network's; for the mean colour.

    Returns:
        [B, 3, rows, columns], uint8; the images themselves where nothing misses.
    """
    (height, width), batch = images.shape[2:], len(images)
    least = (smallest, smallest) if isinstance(smallest, int) else smallest
    rows, columns = (
        -(-max(side, needed) // multiple) * multiple
        for side, needed in zip((height, width), least, strict=True)
    )
    if (rows, columns) == (height, width):
        return images
    mean = torch.tensor(config.mean, device=images.device).mul_(255).round_().to(torch.uint8)
    canvas = mean.view(1, 3, 1, 1).repeat(batch, 1, rows, columns)
    canvas[:, :, :height, :width] = images
    return canvas


def network_input(canvas: Tensor, views: Sequence[View], config: ModelConfig) -> Tensor:
    """Views of an image, normalised.

    Args:
        canvas: the image, [1, 3, h, w], uint8.
        views: B views of it, whose `size` is one.
        config: the network's; for mean and standard deviation.

    Returns:
        [B, 3, *size], float32, channels last.
    """
    mean = torch.tensor(config.mean, device=canvas.device).mul_(255).view(3, 1, 1)
    std = torch.tensor(config.std, device=canvas.device).mul_(255).view(3, 1, 1)
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
            # Antialiasing, as image libraries resize: it only matters below scale 1.
            region = F.interpolate(region, view.size, mode="bilinear", antialias=True)
        if view.mirrored:
            region = region.flip(3)
        torch.sub(region[0], mean, out=inputs[index])
    return inputs.div_(std)


def normalised(images: Tensor, config: ModelConfig) -> Tensor:
    """Images [B, 3, h, w], uint8, less the mean and divided by the standard deviation, float32."""
    mean = torch.tensor(config.mean, device=images.device).mul_(255).view(3, 1, 1)
    std = torch.tensor(config.std, device=images.device).mul_(255).view(3, 1, 1)
    return (images.float() - mean).div_(std)
