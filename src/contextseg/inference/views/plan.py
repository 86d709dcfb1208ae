"""Plan the views of an image: at several scales, mirrored, whole or in windows."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

from contextseg.inference.views.windows import overlap_counts, window_starts
from contextseg.models.segmentation import SMALLEST_IMAGE

logger = logging.getLogger(__name__)

SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
"""Scales of multi-scale evaluation in the papers."""

MAX_PIXELS = 2048 * 2048
"""Maximum pixels per forward pass; larger images are split into sliding windows of that size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A region of the image, as the network sees it."""

    top: int
    """First row of the region, in image pixels."""
    left: int
    """First column."""
    rows: int
    """Rows of the region, in image pixels."""
    columns: int
    """Columns of the region."""
    size: tuple[int, int]
    """Rows and columns that the region is resized to for the network."""
    mirrored: bool
    """Whether the network sees the mirror image."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """Views that together cover the image, at one scale. All passes have the same weight."""

    views: tuple[View, ...]
    """The whole image, or its windows."""
    row_counts: tuple[int, ...]
    """Number of windows that cover each row of the image, [h]."""
    column_counts: tuple[int, ...]
    """Number of windows that cover each column, [w]; a pixel is covered by the product of both."""


def plan(
    size: tuple[int, int],
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int | tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> list[Pass]:
    """Plan the passes over an image.

    Args:
        size: rows and columns of the image, each at least `smallest_side(scales)`.
        scales: scales relative to the image's own size, each above 0.
        flip: add the mirror image.
        window: side, or rows and columns, of the windows in pixels of the scaled image; at least
            32. None takes the whole image if the scaled image has at most `max_pixels` pixels,
            else windows of at most that many.
        max_pixels: maximum pixels that the network may see at once, at least 32 * 32.

    Returns:
        One pass per scale, each followed by one for its mirror image if `flip` is set.

    Raises:
        ValueError: there is no scale, or scales, window or max_pixels are out of range.
    """
    check_options(scales, window, max_pixels)
    passes = []
    for scale in scales:
        sides = _window(size, scale, window, max_pixels)
        for mirrored in (False, True) if flip else (False,):
            passes.append(_pass(size, scale, sides, mirrored))
    return passes


def smallest_side(scales: Sequence[float]) -> int:
    """Minimum side of an image, so that the network gets 32 pixels at each scale."""
    return max(SMALLEST_IMAGE, math.ceil(SMALLEST_IMAGE / min(scales)))


def check_options(
    scales: Sequence[float], window: int | tuple[int, int] | None, max_pixels: int = MAX_PIXELS
) -> None:
    """Raise ValueError unless the options of a prediction are valid."""
    if not scales or not all(0 < scale < math.inf for scale in scales):
        raise ValueError(
            f"scales must be one or more factors above 0, such as 0.5 1.0 1.5, got {list(scales)}."
        )
    if window is not None and min(_pair(window)) < SMALLEST_IMAGE:
        raise ValueError(f"window must be at least {SMALLEST_IMAGE} pixels, got {window}.")
    if max_pixels < SMALLEST_IMAGE**2:
        raise ValueError(f"max_pixels must be at least {SMALLEST_IMAGE**2}, got {max_pixels}.")


def _window(
    size: tuple[int, int],
    scale: float,
    window: int | tuple[int, int] | None,
    max_pixels: int,
) -> tuple[int, int]:
    """Rows and columns of the windows in pixels of the unscaled image, at most its own."""
    if window is None:
        scaled = _scaled(size, scale)
        if scaled[0] * scaled[1] <= max_pixels:
            return size
        # If an image is narrow in one direction, its windows are longer in the other.
        rows = min(math.isqrt(max_pixels), scaled[0])
        columns = min(max_pixels // rows, scaled[1])
        window = (min(max_pixels // columns, scaled[0]), columns)
        logger.info(
            "an image of %d x %d pixels at scale %g exceeds %d pixels: using windows of %d x %d",
            *scaled, scale, max_pixels, *window,
        )  # fmt: skip
    rows, columns = (math.floor(side / scale) for side in _pair(window))
    return min(rows, size[0]), min(columns, size[1])


def _pass(size: tuple[int, int], scale: float, sides: tuple[int, int], mirrored: bool) -> Pass:
    tops, lefts = (window_starts(*pair) for pair in zip(size, sides, strict=True))
    resized = _scaled(sides, scale)
    return Pass(
        views=tuple(
            View(
                top=top, left=left, rows=sides[0], columns=sides[1], size=resized, mirrored=mirrored
            )
            for top in tops
            for left in lefts
        ),
        row_counts=tuple(overlap_counts(size[0], tops, sides[0])),
        column_counts=tuple(overlap_counts(size[1], lefts, sides[1])),
    )


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    rows, columns = (max(SMALLEST_IMAGE, round(side * scale)) for side in size)
    return rows, columns


def _pair(window: int | tuple[int, int]) -> tuple[int, int]:
    return (window, window) if isinstance(window, int) else window
