"""Run the network on every window of a published protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.config import ModelConfig, ProtocolConfig
from contextseg.data.normalise import normalise, pixel_statistics
from contextseg.inference.views.protocol_geometry import Geometry, Size, geometry_of, plan_sizes
from contextseg.inference.views.protocol_logits import ProtocolLogits
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
        image: [1, 3, h, w], uint8, on the model's device.
        model: returns `SegmentationOutput`.
        config: the model's config, for the normalisation.
        protocol: defines sizes and windows.
        max_pixels: maximum pixels per forward pass; a single window may exceed it.
    """
    geometry, scoring = geometry_of(protocol), scoring_of(protocol)
    pixels = normalise(image, pixel_statistics(config.normalisation, image.device))
    size = image.shape[2], image.shape[3]
    sizes = plan_sizes(size, geometry)
    logits: list[list[Tensor]] = []
    presence: list[list[Tensor]] = []
    align_corners = False
    for each in sizes:
        canvas = _canvas(pixels, each, geometry, config)
        logits.append([])
        presence.append([])
        for batch in _batches(canvas, each.windows, protocol, max_pixels):
            output: SegmentationOutput = model(batch)
            align_corners = output.align_corners
            logits[-1] += _by_window(output.coarse_logits, protocol.flip, scoring)
            if output.presence_logits is not None:
                presence[-1] += output.presence_logits.unbind()
    return ProtocolLogits(sizes, logits, presence, size, align_corners, geometry, scoring)


def _canvas(pixels: Tensor, size: Size, geometry: Geometry, config: ModelConfig) -> Tensor:
    """The image resized and padded, [1, 3, rows, columns]."""
    rows, columns = size.rows, size.columns
    shape = rows.length, columns.length
    if pixels.shape[2:] != shape:
        pixels = F.interpolate(pixels, shape, mode="bilinear", align_corners=geometry.align_corners)
    canvas = pixels.new_zeros((1, 3, rows.canvas, columns.canvas))
    padding = geometry.padding(config.normalisation, pixels)
    if padding is not None:
        canvas += padding
    top, left = rows.offset, columns.offset
    canvas[:, :, top : top + rows.length, left : left + columns.length] = pixels
    return canvas


def _batches(
    canvas: Tensor, windows: Sequence[tuple[int, int]], protocol: ProtocolConfig, max_pixels: int
) -> Iterator[Tensor]:
    """Batches of windows, [B, 3, crop, crop], or [2 * B, ...] with their mirror images appended."""
    crop, views = protocol.crop, 2 if protocol.flip else 1
    most = max(1, min(BATCH, max_pixels // crop**2) // views)
    for start in range(0, len(windows), most):
        some = [
            canvas[:, :, top : top + crop, left : left + crop]
            for top, left in windows[start : start + most]
        ]
        batch = torch.cat(some)
        if protocol.flip:
            batch = torch.cat([batch, batch.flip(3)])
        yield batch.contiguous(memory_format=torch.channels_last)


def _by_window(logits: Tensor, flip: bool, scoring: Scoring) -> list[Tensor]:
    """Split the logits of a batch into one tensor [V, L, H, W] per window."""
    if not flip:
        return [each[None] for each in logits]
    plain, mirrored = logits.chunk(2)
    # Upsampling and mirroring commute.
    return list(scoring.kept(torch.stack([plain, mirrored.flip(3)], 1)))
