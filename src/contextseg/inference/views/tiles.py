"""Assemble the labels of an image from overlapping tiles, each run once by an exported network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

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

    A pixel in several tiles takes the label from the tile whose edge is farthest away: there the
    network saw most of its surroundings. Only the labels of the image and one tile at a time are in
    memory.

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
    first = tiles.views[0]
    rows = _owned([view.top for view in tiles.views], first.rows, height)
    columns = _owned([view.left for view in tiles.views], first.columns, width)
    presence = []
    for view in tiles.views:
        output = model.labels(network_input(canvas, [view], config))
        (top, bottom), (left, right) = rows[view.top], columns[view.left]
        own = output.labels[
            0, top - view.top : bottom - view.top, left - view.left : right - view.left
        ]
        labels[top:bottom, left:right] = own
        if output.presence_logits is not None:
            presence.append(output.presence_logits[0].double())
    return labels, torch.stack(presence).amax(0) if presence else None


def _owned(starts: Sequence[int], side: int, length: int) -> dict[int, tuple[int, int]]:
    """For each start of a tile, the range of pixels that takes its labels: overlaps are halved."""
    ordered = sorted(set(starts))
    middles = [(a + side + b) // 2 for a, b in pairwise(ordered)]
    return dict(zip(ordered, zip([0, *middles], [*middles, length], strict=True), strict=True))
