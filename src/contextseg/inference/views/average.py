"""Average the class probabilities of several passes, one strip of rows at a time.

The coarse logits of all passes are small and stay in memory. Class probabilities at image size are
large, so they exist only for one strip at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from contextseg.inference.views.confidence import confidence_of
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
    """Mean class probabilities of an image, one strip of rows at a time.

    The logits of each view are upsampled to its region, then softmax is applied. Within a pass,
    overlapping windows are averaged; then all passes are averaged.

    Args:
        passes: the views of the image.
        coarse_logits: [L, H, W] for each view of each pass, in order.
        size: rows and columns of the image, as the passes were planned for.
        align_corners: convention of the upsampling.

    Yields:
        First row of the strip, the row after its last, and its probabilities [L, rows, w] in
        float32 (float64 for float64 logits); all rows, in order.
    """
    first = coarse_logits[0]
    num_classes, device, dtype = first.shape[0], first.device, sum_dtype(first.dtype)
    weights = [_pixel_weights(each, len(passes), device, dtype) for each in passes]
    views = [
        (view, pair) for each, pair in zip(passes, weights, strict=True) for view in each.views
    ]
    height, width = size
    row_bytes = num_classes * width * dtype.itemsize
    for start, stop in strips(height, row_bytes, device):
        total = torch.zeros((num_classes, stop - start, width), dtype=dtype, device=device)
        for (view, (row_weights, column_weights)), logits in zip(views, coarse_logits, strict=True):
            top, bottom = max(start, view.top), min(stop, view.top + view.rows)
            if top >= bottom:  # the view does not reach into this strip
                continue
            columns = slice(view.left, view.left + view.columns)
            probabilities = _view_rows(logits, view, top, bottom, align_corners)
            probabilities *= row_weights[top:bottom, None] * column_weights[columns]
            total[:, top - start : bottom - start, columns] += probabilities
        yield start, stop, total


def labels_of_strips(
    strips: Iterable[tuple[int, int, Tensor]],
    size: tuple[int, int],
    device: torch.device,
    temperature: float | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Labels [h, w], uint8, from scores that arrive one strip of rows at a time.

    With a temperature, the scores must be probabilities, and confidence [h, w], float32, comes too.
    """
    labels = torch.empty(size, dtype=torch.uint8, device=device)
    confidence = None if temperature is None else torch.empty(size, device=device)
    for start, stop, scores in strips:
        labels[start:stop] = scores.max(0).indices
        if confidence is not None and temperature is not None:
            confidence[start:stop] = confidence_of(scores, temperature)
    return labels, confidence


def presence_of(passes: Sequence[Tensor]) -> Tensor:
    """Presence logits [L], float64, of an image, from the logits [views, L] of each pass.

    Within a pass, a class is as present as in the view that shows it best; the probabilities of
    the passes are then averaged.
    """
    largest = torch.stack([views.double().amax(0) for views in passes])  # [passes, L]
    if len(largest) == 1:
        return largest[0]
    return largest.sigmoid().mean(0).logit(eps=1e-15)


def _view_rows(logits: Tensor, view: View, top: int, bottom: int, align_corners: bool) -> Tensor:
    """Probabilities [L, rows, columns] of a view for image rows `top` to `bottom - 1`."""
    rows = upsampled_rows(
        logits[None],
        (view.rows, view.columns),
        top - view.top,
        bottom - view.top,
        align_corners=align_corners,
    )
    probabilities = rows[0].softmax(0)
    return probabilities.flip(2) if view.mirrored else probabilities


def _pixel_weights(
    one_pass: Pass, num_passes: int, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Weights of rows [h] and columns [w]; a pixel of a view counts with their product."""
    rows = torch.tensor(one_pass.row_counts, dtype=dtype).reciprocal_() / num_passes
    columns = torch.tensor(one_pass.column_counts, dtype=dtype).reciprocal_()
    return rows.to(device), columns.to(device)
