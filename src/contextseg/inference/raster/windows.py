"""The windows of a raster: how large they are, and what a network makes of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from contextseg.data.rasters.scene import Part
from contextseg.engines import ExportedModel
from contextseg.engines.exported import TILE_PIXELS
from contextseg.inference.predictor import Predictor
from contextseg.inference.views.plan import check_options, smallest_side
from contextseg.inference.views.windows import Span, spans


class Views(NamedTuple):
    """How the network views a window, and what of its results is kept."""

    scales: Sequence[float]
    flip: bool
    ignore_below: float | None
    confidence: bool


def plan_windows(
    predictor: Predictor,
    size: tuple[int, int],
    scales: Sequence[float],
    window: int | tuple[int, int] | None,
) -> tuple[list[Span], list[Span]]:
    """Windows of a raster along its rows, and along its columns.

    Args:
        predictor: the model.
        size: rows and columns of the raster.
        scales: at which the network views a window.
        window: side, or rows and columns, of windows in pixels of the raster; None takes
            `TILE_PIXELS`, which keeps the memory of a network small, or what the model may see.

    Raises:
        ValueError: an option is out of range, or a window is given for a network of one size.
    """
    model, most = predictor.model, predictor.max_pixels
    fixed = model.info.size if isinstance(model, ExportedModel) else None
    if fixed is not None and window is not None:
        raise ValueError(
            f"the network was exported for {fixed[0]} x {fixed[1]} pixels, and its windows have "
            f"that size; leave window out."
        )
    most = min(most, int(TILE_PIXELS / predictor.config.image_scale**2))
    check_options(scales, window, most)
    multiple = getattr(model, "window_multiple", 1)
    whole = -(-size[0] // multiple) * multiple, -(-size[1] // multiple) * multiple
    sides = fixed or window or _largest(whole, most / max(1.0, *scales) ** 2)
    sides = (sides, sides) if isinstance(sides, int) else sides
    least = smallest_side(scales)
    rows, columns = (
        spans(
            length,
            max(side, least),
            multiple,
            fixed=fixed is not None,
            least=least,
        )
        for length, side in zip(whole, sides, strict=True)
    )
    return _inside(rows, size[0]), _inside(columns, size[1])


def results_of(
    predictor: Predictor, part: Part, rows: Span, columns: Span, views: Views
) -> np.ndarray:
    """Class ids of a window's own pixels, and the confidence if it is wanted.

    Returns:
        [1 or 2, rows, columns], uint8: ids; confidence, 255 for 1, and 0 where nothing is known.
    """
    shape = (rows.last - rows.first, columns.last - columns.first)
    results = np.zeros((2 if views.confidence else 1, *shape), np.uint8)
    missing = None if part.missing is None else part.missing[rows.own, columns.own]
    if missing is not None and missing.all():
        results[0] = predictor.classes.ignored_id
        return results
    needed = views.confidence or views.ignore_below is not None
    found = predictor.segment(part.pixels, scales=views.scales, flip=views.flip, confidence=needed)
    results[0] = predictor.classes.to_ids(found.labels[rows.own, columns.own].cpu().numpy())
    unknown = missing
    if found.confidence is not None:
        sure = found.confidence[rows.own, columns.own].cpu().numpy()
        if views.ignore_below is not None:
            low = ~(sure >= np.float32(views.ignore_below))  # NaN is below
            results[0][low] = predictor.classes.ignored_id
        if views.confidence:
            results[1] = np.clip(np.rint(np.nan_to_num(sure) * 255), 1, 255)
    if unknown is not None:
        results[0][unknown] = predictor.classes.ignored_id
        results[1:, unknown] = 0
    return results


def _largest(size: tuple[int, int], pixels: float) -> tuple[int, int]:
    """Rows and columns of windows of so many pixels; of a narrow raster they are longer."""
    rows = min(math.isqrt(int(pixels)), size[0])
    columns = min(int(pixels) // rows, size[1])
    return min(int(pixels) // columns, size[0]), columns


def _inside(windows: list[Span], length: int) -> list[Span]:
    """The windows without the pixels that were counted beyond the end of the raster."""
    return [
        Span(each.start, min(each.stop, length), each.first, min(each.last, length))
        for each in windows
    ]
