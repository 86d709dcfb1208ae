"""Run the network on every window of a published protocol."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from contextseg.config import ModelConfig, ProtocolConfig
from contextseg.data.normalise import pixel_statistics
from contextseg.inference.views.protocol_geometry import Size, geometry_of, plan_sizes
from contextseg.inference.views.protocol_logits import ProtocolLogits
from contextseg.inference.views.protocol_resizing import Resizing, resizing_of
from contextseg.inference.views.protocol_scoring import Scoring, scoring_of
from contextseg.inference.views.run import BATCH
from contextseg.models.outputs import SegmentationOutput


def run_protocol(
    image: Tensor,
    model: nn.Module,
    config: ModelConfig,
    protocol: ProtocolConfig,
    max_pixels: int,
) -> ProtocolLogits:
    """Run the network on every window of an image at every size.

    Args:
        image: [1, C, h, w], uint8, on the model's device.
        model: returns `SegmentationOutput`.
        config: the model's config, for the normalisation.
        protocol: defines sizes and windows.
        max_pixels: maximum pixels per forward pass; a single window may exceed it.
    """
    geometry, scoring = geometry_of(protocol), scoring_of(protocol)
    resizing = resizing_of(protocol)
    size = image.shape[2], image.shape[3]
    sizes = plan_sizes(size, geometry)
    logits: list[list[Tensor]] = []
    presence: list[list[Tensor]] = []
    align_corners = False
    for each in sizes:
        canvas = _canvas(image, each, resizing, config)
        logits.append([])
        presence.append([])
        for batch in _batches(canvas, each, max_pixels):
            output: SegmentationOutput = model(batch)
            align_corners = output.align_corners
            logits[-1] += _by_window(output.coarse_logits, each, scoring)
            if output.presence_logits is not None:
                presence[-1] += output.presence_logits.unbind()
    return ProtocolLogits(sizes, logits, presence, size, align_corners, geometry, scoring)


def _canvas(image: Tensor, size: Size, resizing: Resizing, config: ModelConfig) -> Tensor:
    """The image resized, normalised and padded, [1, C, rows, columns]."""
    rows, columns = size.rows, size.columns
    statistics = pixel_statistics(config.normalisation, image.device)
    pixels = resizing.resized(image, (rows.length, columns.length), statistics)
    canvas = pixels.new_zeros((1, image.shape[1], rows.canvas, columns.canvas))
    padding = resizing.padding(statistics)
    if padding is not None:
        canvas += padding
    top, left = rows.offset, columns.offset
    canvas[:, :, top : top + rows.length, left : left + columns.length] = pixels
    return canvas


def _batches(canvas: Tensor, size: Size, max_pixels: int) -> Iterator[Tensor]:
    """Batches of B windows, [V * B, C, rows, columns]: first view of each, then the second."""
    rows, columns = size.rows.window, size.columns.window
    most = max(1, min(BATCH, max_pixels // (rows * columns)) // len(size.mirrors))
    for start in range(0, len(size.windows), most):
        some = [
            canvas[:, :, top : top + rows, left : left + columns]
            for top, left in size.windows[start : start + most]
        ]
        batch = torch.cat(some)
        views = [batch.flip(3) if mirrored else batch for mirrored in size.mirrors]
        yield torch.cat(views).contiguous(memory_format=torch.channels_last)


def _by_window(logits: Tensor, size: Size, scoring: Scoring) -> list[Tensor]:
    """Split the logits of a batch into one tensor [V, L, H, W] per window."""
    views = zip(logits.chunk(len(size.mirrors)), size.mirrors, strict=True)
    # Upsampling and mirroring commute.
    turned = torch.stack([view.flip(3) if mirrored else view for view, mirrored in views], 1)
    return list(scoring.kept(turned))
