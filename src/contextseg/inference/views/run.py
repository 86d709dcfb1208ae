"""Run the network on every view of an image; logits are kept at feature size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from contextseg.config import ModelConfig
from contextseg.inference.preprocess import network_input
from contextseg.inference.views.average import (
    labels_of_strips,
    labels_of_windows,
    mean_probabilities,
    presence_of,
)
from contextseg.inference.views.confidence import tempered
from contextseg.inference.views.plan import Pass, View
from contextseg.models.outputs import SegmentationOutput

BATCH = 4
"""Maximum views per forward pass; fewer if together they would exceed `max_pixels`."""


class ViewLogits(NamedTuple):
    """Logits of each view of an image."""

    passes: Sequence[Pass]
    """The views."""
    coarse_logits: list[Tensor]
    """[L, H, W] for each view of each pass, in order."""
    presence: list[Tensor]
    """Logits [L] for each view; empty if the model has no branch for them."""
    size: tuple[int, int]
    """Rows and columns of the image."""
    align_corners: bool
    """Convention of the upsampling to the image."""

    def labels(self, temperature: float | None = None) -> tuple[Tensor, Tensor | None]:
        """[h, w], uint8: the most probable class of each pixel.

        With a temperature, also its probability, [h, w], float32. Labels do not depend on it.
        """
        if len(self.passes) > 1 or self.passes[0].views[0].mirrored:
            device = self.coarse_logits[0].device
            return labels_of_strips(self.strips(), self.size, device, temperature)
        return labels_of_windows(
            self.passes[0],
            self.coarse_logits,
            self.size,
            temperature,
            align_corners=self.align_corners,
        )

    def strips(self) -> Iterator[tuple[int, int, Tensor]]:
        """Mean class probabilities, as `mean_probabilities` yields them."""
        return mean_probabilities(
            self.passes, self.coarse_logits, self.size, align_corners=self.align_corners
        )

    def presence_logits(self) -> Tensor | None:
        """[L]: a class is in an image if it is in any window; passes are averaged."""
        if not self.presence:
            return None
        logits = torch.stack(self.presence)  # [views, L]
        return presence_of(logits.split([len(each.views) for each in self.passes]))


def whole(logits: ViewLogits, size: tuple[int, int], temperature: float = 1.0) -> Tensor:
    """Class probabilities [L, h, w] of an image of `size`, which may have been padded."""
    height, width = size
    first = logits.coarse_logits[0]
    volume = torch.empty((len(first), height, width), device=first.device)
    for start, stop, probabilities in logits.strips():
        part = probabilities[:, : max(0, height - start), :width]
        volume[:, start:stop] = tempered(part, temperature)
    return volume


def run_views(
    canvas: Tensor,
    passes: Sequence[Pass],
    model: nn.Module,
    config: ModelConfig,
    max_pixels: int,
) -> ViewLogits:
    """Run the network on every view of an image.

    Args:
        canvas: the image, [1, C, h, w], as from `to_canvas`, on the model's device.
        passes: the views, planned for (h, w).
        model: returns `SegmentationOutput`.
        config: the model's config, for the normalisation.
        max_pixels: maximum pixels per forward pass; a single view may exceed it.
    """
    logits: list[Tensor] = []
    presence: list[Tensor] = []
    align_corners = False
    for views in _batches([view for each in passes for view in each.views], max_pixels):
        output: SegmentationOutput = model(network_input(canvas, views, config))
        logits += output.coarse_logits.unbind()
        if output.presence_logits is not None:
            presence += output.presence_logits.unbind()
        align_corners = output.align_corners
    size = canvas.shape[2], canvas.shape[3]
    return ViewLogits(passes, logits, presence, size, align_corners)


def _batches(views: Sequence[View], max_pixels: int) -> Iterator[list[View]]:
    """Consecutive views of the same size, as many as fit into one forward pass."""
    batch: list[View] = []
    for view in views:
        most = min(BATCH, max(1, max_pixels // (view.size[0] * view.size[1])))
        if batch and (batch[0].size != view.size or len(batch) >= most):
            yield batch
            batch = []
        batch.append(view)
    yield batch
