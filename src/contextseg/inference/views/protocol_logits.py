"""Turn the logits of a protocol's windows into scores of each pixel.

The coarse logits of all windows stay in memory. Scores, of the resized images and of the image
itself, exist only for one strip of rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.inference.views.average import labels_of_strips, presence_of
from contextseg.inference.views.protocol_geometry import Geometry, Size
from contextseg.inference.views.protocol_scoring import Range, Scoring
from contextseg.ops.upsampled_rows import neighbours, strips, upsampled_rows

_TALLER = 2
"""Factor by which strips are taller than usual: adjacent strips both compute the rows of the
resized image at their common edge."""


@dataclass(frozen=True, slots=True)
class ProtocolLogits:
    """Logits of each window at each size."""

    sizes: Sequence[Size]
    """The sizes and their windows."""
    windows: list[list[Tensor]]
    """For each size, the logits of each window: [V, L, H, W]. V = 2 for a window and its mirror
    image, flipped back; V = 1 if the two are already summed, or for one of them alone."""
    presence: list[list[Tensor]]
    """For each size, presence logits [L] of each view; empty if the model has none."""
    size: tuple[int, int]
    """Rows and columns of the image."""
    align_corners: bool
    """Convention of the model's upsampling to a window."""
    geometry: Geometry
    """The protocol's geometry."""
    scoring: Scoring
    """The protocol's scoring."""

    def labels(self, temperature: float | None = None) -> tuple[Tensor, Tensor | None]:
        """[h, w], uint8: the class with the highest score.

        With a temperature, also its probability, [h, w], float32. Labels do not depend on it.

        Raises:
            ValueError: there is a temperature, but the scores are not probabilities.
        """
        if temperature is not None and not self.scoring.gives_probabilities:
            raise ValueError(
                "the scores of exp_sum are no probabilities and have no confidence: choose the "
                "protocol's scores=mean (leave out --exp-sum)."
            )
        return labels_of_strips(self.strips(), self.size, self.windows[0][0].device, temperature)

    def presence_logits(self) -> Tensor | None:
        """[L]: a class is in an image if it is in any window; sizes are averaged."""
        parts = [torch.stack(views) for views in self.presence if views]
        return presence_of(parts) if parts else None

    def strips(self) -> Iterator[tuple[int, int, Tensor]]:
        """Scores of the image, one strip of rows at a time.

        Yields:
            First row of the strip, the row after its last, and its scores [L, rows, w]: mean
            probabilities in float32, or sums of which only the order matters (`scores="exp_sum"`),
            in float64 if the exponentials of the logits exceed float32.
        """
        first = self.windows[0][0]
        num_classes, device = first.shape[1], first.device
        height, width = self.size
        value_range = self.scoring.range(self.windows)
        dtype, _ = value_range
        num_scales = sum(size.weight for size in self.sizes)
        row_bytes = num_classes * width * 4 // _TALLER
        for start, stop in strips(height, row_bytes, device):
            total = torch.zeros((num_classes, stop - start, width), dtype=dtype, device=device)
            for size, windows in zip(self.sizes, self.windows, strict=True):
                rows = self._image_rows(size, windows, start, stop, value_range)
                total.add_(self.scoring.at_image_size(rows), alpha=size.weight)
            yield start, stop, self.scoring.finished(total, num_scales)

    def _image_rows(
        self, size: Size, windows: Sequence[Tensor], start: int, stop: int, value_range: Range
    ) -> Tensor:
        """Scores [L, rows, w] of image rows `start` to `stop - 1`, from one size."""
        align = self.geometry.align_corners
        if align is None:
            align = self.align_corners
        before, after, weight = neighbours(size.rows.length, self.size[0], start, stop, align)
        low, high = int(before[0]), int(after[-1]) + 1
        rows = self._size_rows(size, windows, low, high, value_range)
        device = rows.device
        if (high - low, size.rows.length) != (stop - start, self.size[0]):  # resize the rows
            rows = rows.index_select(1, (before - low).to(device)).lerp_(
                rows.index_select(1, (after - low).to(device)),
                weight.to(device, rows.dtype)[:, None],
            )
        if size.columns.length == self.size[1]:
            return rows
        return F.interpolate(rows, self.size[1], mode="linear", align_corners=align)

    def _size_rows(
        self, size: Size, windows: Sequence[Tensor], low: int, high: int, value_range: Range
    ) -> Tensor:
        """Scores [L, rows, columns] of rows `low` to `high - 1` of the resized image."""
        dtype, lowered_by = value_range
        device, window = windows[0].device, (size.rows.window, size.columns.window)
        row_weights, column_weights = (
            self.scoring.weights(axis.counts).to(device, dtype)
            for axis in (size.rows, size.columns)
        )
        shape = windows[0].shape[1], high - low, size.columns.length
        scores = torch.zeros(shape, dtype=dtype, device=device)
        for (top, left), logits in zip(size.windows, windows, strict=True):
            # From the canvas to the resized image.
            top, left = top - size.rows.offset, left - size.columns.offset
            first, last = max(low, top), min(high, top + window[0])
            begin, end = max(0, left), min(size.columns.length, left + window[1])
            if first >= last or begin >= end:
                continue
            rows = upsampled_rows(
                logits, window, first - top, last - top, align_corners=self.align_corners
            )
            part = self.scoring.scores(rows[..., begin - left : end - left].to(dtype), lowered_by)
            part *= row_weights[first:last, None] * column_weights[begin:end]
            scores[:, first - low : last - low, begin:end] += part
        return scores
