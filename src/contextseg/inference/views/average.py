"""The mean over several passes of the class probabilities of each pixel, strip by strip.

The coarse logits of all passes are kept, which are small; class probabilities at the size of the
image, which are not, exist for one strip of rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from contextseg.inference.views.plan import Pass, View
from contextseg.ops.dispatch import sum_dtype
from contextseg.ops.upsampled_rows import strips, upsampled_rows


def mean_probabilities(
    passes: Sequence[Pass],
    coarse_logits: Sequence[Tensor],
    size: tuple[int, int],
    *,
    align_corners: bool,
) -> Iterator[tuple[int, int, Tensor]]:
    """Class probabilities of an image, a strip of rows at a time.

    The logits of each view are upsampled to its region and their softmax taken; within a pass,
    windows that share a pixel are averaged; then all passes are.

    Args:
        passes: the views of the image.
        coarse_logits: [L, H, W] for each view of each pass, in their order.
        size: rows and columns of the image, as the passes were planned for.
        align_corners: convention of the upsampling.

    Yields:
        Row the strip starts with, row it stops before, and its probabilities [L, rows, w] in
        float32 (float64 for float64 logits); all rows, in order.
    """
    first = coarse_logits[0]
    num_classes, device, dtype = first.shape[0], first.device, sum_dtype(first.dtype)
    shares = [_shares(each, len(passes), device, dtype) for each in passes]
    views = [
        (view, share) for each, share in zip(passes, shares, strict=True) for view in each.views
    ]
    height, width = size
    row_bytes = num_classes * width * dtype.itemsize
    for start, stop in strips(height, row_bytes, device):
        total = torch.zeros((num_classes, stop - start, width), dtype=dtype, device=device)
        for (view, (row_share, column_share)), logits in zip(views, coarse_logits, strict=True):
            first_row, last_row = max(start, view.top), min(stop, view.top + view.rows)
            if first_row >= last_row:
                continue
            columns = slice(view.left, view.left + view.columns)
            probabilities = _view_rows(logits, view, first_row, last_row, align_corners)
            probabilities *= row_share[first_row:last_row, None] * column_share[columns]
            total[:, first_row - start : last_row - start, columns] += probabilities
        yield start, stop, total


def labels_of_strips(
    strips: Iterable[tuple[int, int, Tensor]], size: tuple[int, int], device: torch.device
) -> Tensor:
    """Labels [h, w], uint8, from scores that come a strip of rows at a time."""
    labels = torch.empty(size, dtype=torch.uint8, device=device)
    for start, stop, scores in strips:
        labels[start:stop] = scores.max(0).indices
    return labels


def presence_of(passes: Sequence[Tensor]) -> Tensor:
    """Presence logits [L], float64, of an image from those of each view of each pass, [views, L].

    A class is in an image if it is in any view of a pass; the probabilities of passes are averaged.
    """
    largest = torch.stack([views.double().amax(0) for views in passes])  # [passes, L]
    if len(largest) == 1:
        return largest[0]
    return largest.sigmoid().mean(0).logit(eps=1e-15)


def _view_rows(
    logits: Tensor, view: View, first_row: int, last_row: int, align_corners: bool
) -> Tensor:
    """Probabilities [L, rows, columns] of a view's image rows `first_row` to `last_row - 1`."""
    rows = upsampled_rows(
        logits[None],
        (view.rows, view.columns),
        first_row - view.top,
        last_row - view.top,
        align_corners=align_corners,
    )
    probabilities = rows[0].softmax(0)
    return probabilities.flip(2) if view.mirrored else probabilities


def _shares(
    each: Pass, num_passes: int, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Weight of a view by row [h] and by column [w]; their product is that of a pixel."""
    rows = torch.tensor(each.row_counts, dtype=dtype).reciprocal_() / num_passes
    columns = torch.tensor(each.column_counts, dtype=dtype).reciprocal_()
    return rows.to(device), columns.to(device)
