"""What the network says by a published protocol, and the scores of each pixel that follow.

Coarse logits of all windows are kept. Scores of the resized images and of the image itself exist
for one strip of rows at a time, so that neither takes classes times pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from contextseg.config import ModelConfig, ProtocolConfig
from contextseg.data.normalise import normalise, pixel_statistics
from contextseg.inference.views.protocol_plan import Axis, Size, plan_sizes
from contextseg.inference.views.run import BATCH, presence_of
from contextseg.models.outputs import SegmentationOutput
from contextseg.ops.upsampled_rows import neighbours, strips, upsampled_rows

LARGEST_EXPONENTS = {torch.float32: 80.0, torch.float64: 700.0}
"""Summed logits whose exponential a dtype holds. Above the second they are all lowered alike: the
labels stay, and nothing overflows where the authors' code does."""

_ROWS_AT_ONCE = 2
"""Strips are so many times higher than elsewhere: neighbours share rows of the resized images."""


@dataclass(frozen=True, slots=True)
class ProtocolLook:
    """What the network said of each window at each size."""

    sizes: Sequence[Size]
    """What was looked at."""
    windows: list[list[Tensor]]
    """For each size, what was said of each window: [V, L, H, W] with V = 2 for a window and its
    mirror image turned back, V = 1 where they are summed already or there is none."""
    presence: list[list[Tensor]]
    """For each size, presence logits [L] of each view; empty where the model has none."""
    size: tuple[int, int]
    """Rows and columns of the image."""
    align_corners: bool
    """Convention of the model's upsampling to a window."""
    config: ProtocolConfig
    """The protocol."""

    def presence_logits(self) -> Tensor | None:
        """[L]: a class is in an image if it is in any window; sizes are averaged."""
        parts = [torch.stack(views) for views in self.presence if views]
        return presence_of(parts) if parts else None

    def strips(self) -> Iterator[tuple[int, int, Tensor]]:
        """Scores of the image, a strip of rows at a time.

        Yields:
            Row the strip starts with, row it stops before, and its scores [L, rows, w]: mean
            probabilities in float32, or sums whose largest is the label (`scores="exp_sum"`), in
            float64 where logits are so large that their exponentials exceed float32.
        """
        first = self.windows[0][0]
        num_classes, device = first.shape[1], first.device
        height, width = self.size
        dtype, shift = self._range()
        row_bytes = num_classes * width * 4 // _ROWS_AT_ONCE
        for start, stop in strips(height, row_bytes, device):
            total = torch.zeros((num_classes, stop - start, width), dtype=dtype, device=device)
            for size, windows in zip(self.sizes, self.windows, strict=True):
                rows = self._image_rows(size, windows, start, stop, dtype, shift)
                total.add_(rows, alpha=size.weight)
            if self.config.scores == "mean":
                total /= sum(size.weight for size in self.sizes)
            yield start, stop, total

    def _range(self) -> tuple[torch.dtype, float]:
        """The dtype of the scores, and what summed logits are lowered by."""
        if self.config.scores == "mean" or self.config.style == "cpnet":
            return torch.float32, 0.0
        largest = max(float(each.max()) for windows in self.windows for each in windows)
        dtype = torch.float32 if largest <= LARGEST_EXPONENTS[torch.float32] else torch.float64
        return dtype, max(0.0, largest - LARGEST_EXPONENTS[dtype])

    def _image_rows(
        self,
        size: Size,
        windows: Sequence[Tensor],
        start: int,
        stop: int,
        dtype: torch.dtype,
        shift: float,
    ) -> Tensor:
        """Scores [L, rows, w] of image rows `start` to `stop - 1` at one size."""
        align = _aligns_corners(self.config)
        before, after, weight = neighbours(size.rows.length, self.size[0], start, stop, align)
        low, high = int(before[0]), int(after[-1]) + 1
        rows = self._size_rows(size, windows, low, high, dtype, shift)
        device = rows.device
        if (high - low, size.rows.length) != (stop - start, self.size[0]):
            rows = rows.index_select(1, (before - low).to(device)).lerp_(
                rows.index_select(1, (after - low).to(device)),
                weight.to(device, dtype)[:, None],
            )
        if size.columns.length == self.size[1]:
            return rows
        return F.interpolate(rows, self.size[1], mode="linear", align_corners=align)

    def _size_rows(
        self,
        size: Size,
        windows: Sequence[Tensor],
        low: int,
        high: int,
        dtype: torch.dtype,
        shift: float,
    ) -> Tensor:
        """Scores [L, rows, columns] of rows `low` to `high - 1` of the resized image."""
        crop, device = self.config.crop, windows[0].device
        row_share, column_share = (
            self._shares(axis).to(device) for axis in (size.rows, size.columns)
        )
        shape = windows[0].shape[1], high - low, size.columns.length
        scores = torch.zeros(shape, dtype=dtype, device=device)
        for (top, left), said in zip(size.windows, windows, strict=True):
            top, left = top - size.rows.offset, left - size.columns.offset  # of the resized image
            first, last = max(low, top), min(high, top + crop)
            begin, end = max(0, left), min(size.columns.length, left + crop)
            if first >= last or begin >= end:
                continue
            rows = upsampled_rows(
                said, (crop, crop), first - top, last - top, align_corners=self.align_corners
            )
            scored = self._score(rows[..., begin - left : end - left].to(dtype), shift)
            scored *= row_share[first:last, None] * column_share[begin:end]
            scores[:, first - low : last - low, begin:end] += scored
        return scores

    def _score(self, logits: Tensor, shift: float) -> Tensor:
        """Scores [L, rows, columns] of what was said of a window, [V, L, rows, columns]."""
        if self.config.scores == "mean":
            return logits.softmax(1).mean(0)
        if self.config.style == "encnet":
            return (logits.sum(0) - shift).exp_()
        return logits.log_softmax(1).sum(0).exp_()

    def _shares(self, axis: Axis) -> Tensor:
        """What a window weighs at each place, [length]: their average, or 1 each."""
        counts = torch.tensor(axis.counts, dtype=torch.float32)
        summed = self.config.scores == "exp_sum" and self.config.style == "cpnet"
        return torch.ones_like(counts) if summed else counts.reciprocal_()


def look_by_protocol(
    image: Tensor,
    model: nn.Module,
    config: ModelConfig,
    protocol: ProtocolConfig,
    max_pixels: int,
) -> ProtocolLook:
    """Run the network on every window of an image at every size.

    Args:
        image: [1, 3, h, w], uint8, on the device of the model.
        model: returns `SegmentationOutput`.
        config: the model's; for the normalisation.
        protocol: which windows.
        max_pixels: pixels that one forward may take; a single window may exceed it.
    """
    pixels = normalise(image, pixel_statistics(config.normalisation, image.device))
    size = image.shape[2], image.shape[3]
    sizes = plan_sizes(size, protocol)
    said: list[list[Tensor]] = []
    presence: list[list[Tensor]] = []
    align_corners = False
    for each in sizes:
        canvas = _canvas(pixels, each, config, protocol)
        said.append([])
        presence.append([])
        for batch in _batches(canvas, each.windows, protocol, max_pixels):
            output: SegmentationOutput = model(batch)
            align_corners = output.align_corners
            said[-1] += _turned_back(output.coarse_logits, protocol)
            if output.presence_logits is not None:
                presence[-1] += output.presence_logits.unbind()
    return ProtocolLook(sizes, said, presence, size, align_corners, protocol)


def _canvas(pixels: Tensor, size: Size, config: ModelConfig, protocol: ProtocolConfig) -> Tensor:
    """The image resized and padded, [1, 3, rows, columns]."""
    rows, columns = size.rows, size.columns
    shape = rows.length, columns.length
    if pixels.shape[2:] != shape:
        pixels = F.interpolate(
            pixels, shape, mode="bilinear", align_corners=_aligns_corners(protocol)
        )
    canvas = pixels.new_zeros((1, 3, rows.canvas, columns.canvas))
    if protocol.style == "encnet":  # black, where 0 is the mean colour
        mean, std = (pixels.new_tensor(values) for values in config.normalisation)
        canvas -= (mean / std).view(3, 1, 1)
    top, left = rows.offset, columns.offset
    canvas[:, :, top : top + rows.length, left : left + columns.length] = pixels
    return canvas


def _batches(
    canvas: Tensor, windows: Sequence[tuple[int, int]], protocol: ProtocolConfig, max_pixels: int
) -> Iterator[Tensor]:
    """Windows [2 * B or B, 3, crop, crop], each batch followed by its mirror images."""
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


def _turned_back(logits: Tensor, protocol: ProtocolConfig) -> list[Tensor]:
    """Logits of a batch as one [V, L, H, W] a window."""
    if not protocol.flip:
        return [each[None] for each in logits]
    plain, mirrored = logits.chunk(2)
    both = torch.stack([plain, mirrored.flip(3)], 1)  # upsampling and mirroring commute
    if protocol.scores == "exp_sum" and protocol.style == "encnet":
        both = both.float().sum(1, keepdim=True)
    return list(both)


def _aligns_corners(protocol: ProtocolConfig) -> bool:
    """Convention of resizing the image and the scores, as in the authors' code."""
    return protocol.style == "encnet"
