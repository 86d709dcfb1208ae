"""Assemble the labels of an image from overlapping tiles, each run once by an exported network."""

from __future__ import annotations

import torch
from torch import Tensor

from contextseg.config import ModelConfig
from contextseg.engines import ExportedModel
from contextseg.inference.preprocess import network_input
from contextseg.inference.views.plan import Pass


def tiled_labels(
    canvas: Tensor, tiles: Pass, model: ExportedModel, config: ModelConfig
) -> tuple[Tensor, Tensor | None]:
    """Labels and presence logits of an image.

    A pixel in several tiles takes the label from the one it belongs to. Only the labels of the
    image and one tile at a time are in memory.

    Args:
        canvas: the image, [1, C, h, w], as from `to_canvas`.
        tiles: a pass over the image at scale 1.
        model: an exported network.
        config: the network's config, for the normalisation.

    Returns:
        Labels [h, w], uint8; presence logits [L], float64 (a class is in the image if it is in any
        tile), or None if the network has none.
    """
    height, width = canvas.shape[2:]
    labels = torch.empty((height, width), dtype=torch.uint8)
    presence = []
    for view in tiles.views:
        output = model.labels(network_input(canvas, [view], config))
        vertical, horizontal = view.vertical, view.horizontal
        own = output.labels[0, vertical.own, horizontal.own]
        labels[vertical.first : vertical.last, horizontal.first : horizontal.last] = own
        if output.presence_logits is not None:
            presence.append(output.presence_logits[0].double())
    return labels, torch.stack(presence).amax(0) if presence else None
