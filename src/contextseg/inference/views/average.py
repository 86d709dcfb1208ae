"""Average the class probabilities of several passes, one strip of rows at a time.

The coarse logits of all passes are small and stay in memory. Class probabilities at image size are
large, so they exist only for one strip at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from contextseg.inference.views.confidence import confidence_of
from contextseg.inference.views.plan import Pass, View
from contextseg.ops import upsampled_argmax
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
    a pixel takes the probabilities of the window that it belongs to; all passes are averaged.

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
    weight = 1 / len(passes)
    views = [view for each in passes for view in each.views]
    height, width = size
    row_bytes = num_classes * width * dtype.itemsize
    for start, stop in strips(height, row_bytes, device):
        total = torch.zeros((num_classes, stop - start, width), dtype=dtype, device=device)
        for view, logits in zip(views, coarse_logits, strict=True):
            top, bottom = max(start, view.vertical.first), min(stop, view.vertical.last)
            if top >= bottom:  # none of the view's own pixels are in this strip
                continue
            probabilities = _view_rows(logits, view, top, bottom, align_corners)
            own = slice(view.horizontal.first, view.horizontal.last)
            total[:, top - start : bottom - start, own] += (
                probabilities[:, :, view.horizontal.own] * weight
            )
        yield start, stop, total


def labels_of_windows(
    windows: Pass,
    coarse_logits: Sequence[Tensor],
    size: tuple[int, int],
    temperature: float | None,
    *,
    align_corners: bool,
) -> tuple[Tensor, Tensor | None]:
    """Labels of an image, [h, w], uint8, from a single pass that is not mirrored.

    Args:
        windows: its views.
        coarse_logits: [L, H, W] for each of them.
        size: rows and columns of the image.
        temperature: None for labels alone; else confidence [h, w], float32, comes too.
        align_corners: convention of the upsampling.
    """
    device = coarse_logits[0].device
    labels = torch.empty(size, dtype=torch.uint8, device=device)
    confidence = None if temperature is None else torch.empty(size, device=device)
    for view, logits in zip(windows.views, coarse_logits, strict=True):
        found, sure = _view_labels(logits[None], view, temperature, align_corners)
        whole = np.s_[view.vertical.first : view.vertical.last,
                      view.horizontal.first : view.horizontal.last]  # fmt: skip
        own = view.vertical.own, view.horizontal.own
        labels[whole] = found[own]
        if confidence is not None and sure is not None:
            confidence[whole] = sure[own]
    return labels, confidence


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


def _view_labels(
    logits: Tensor, view: View, temperature: float | None, align_corners: bool
) -> tuple[Tensor, Tensor | None]:
    find = partial(
        upsampled_argmax,
        size=(view.rows, view.columns),
        align_corners=align_corners,
        dtype=torch.uint8,
    )
    if temperature is None:
        return find(logits)[0], None
    labels, confidence = find(logits, confidence=True)
    if temperature != 1:
        _, confidence = find(logits.to(sum_dtype(logits.dtype)) / temperature, confidence=True)
    return labels[0], confidence[0].float()


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
