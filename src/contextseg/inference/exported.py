"""Segment an image with an exported file, whose engine returns labels at image size."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from contextseg.config import ModelConfig
from contextseg.engines import ExportedModel
from contextseg.engines.exported import TILE_PIXELS
from contextseg.inference.preprocess import size_of, to_canvas
from contextseg.inference.views.plan import check_options, plan, smallest_side
from contextseg.inference.views.tiles import tiled_labels


def segment_exported(
    model: ExportedModel,
    image: np.ndarray | Tensor,
    window: int | tuple[int, int] | None,
    config: ModelConfig,
    device: torch.device,
    max_pixels: int,
) -> tuple[Tensor, Tensor | None]:
    """Labels [h, w], uint8, and presence logits [L] or None, at one scale.

    Args:
        model: the engine with its file.
        image: uint8, RGB: an array [h, w, 3] or a tensor [3, h, w].
        window: sides of sliding windows; None for a file with a size, and where whole images fit.
        config: the config of the exported network.
        device: where the labels are put together.
        max_pixels: maximum number of pixels that the engine sees at once.

    Raises:
        ValueError: the file has a size, and a window is given; or the window is out of range.
    """
    size = model.info.size
    if size is not None and window is not None:
        raise ValueError(
            f"the network was exported for {size[0]} x {size[1]} pixels, and its windows have "
            f"that size; leave window out."
        )
    pixels = min(max_pixels, int(TILE_PIXELS / config.image_scale**2))
    check_options((1.0,), window, pixels)
    smallest = smallest_side((1.0,)) if size is None else size
    multiple = model.multiple if size is None else 1
    canvas = to_canvas(image, smallest, config, device, multiple)
    shape = canvas.shape[2], canvas.shape[3]
    (tiles,) = plan(
        shape,
        window=size or window,
        max_pixels=pixels,
        multiple=model.window_multiple,
        fixed=size is not None,
    )
    labels, presence_logits = tiled_labels(canvas, tiles, model, config)
    height, width = size_of(image)
    return labels[:height, :width], presence_logits
