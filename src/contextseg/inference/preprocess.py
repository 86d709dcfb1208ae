"""8-bit images to what the network takes."""

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
        pixels = as_tensor(image).to(device).permute(2, 0, 1)
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
    mean = pixel_statistics(config.normalisation, images.device).mean.round().to(torch.uint8)
    canvas = mean.repeat(batch, 1, rows, columns)
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
            # Antialiasing, as image libraries resize: it only matters below scale 1.
            region = F.interpolate(region, view.size, mode="bilinear", antialias=True)
        if view.mirrored:
            region = region.flip(3)
        normalise(region[0], statistics, out=inputs[index])
    return inputs
