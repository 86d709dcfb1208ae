"""Plan the views of an image: at several scales, mirrored, whole or in windows."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

from contextseg.inference.views.windows import Span, spans
from contextseg.models.segmentation import SMALLEST_IMAGE

logger = logging.getLogger(__name__)

SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
"""Scales of multi-scale evaluation in the papers."""

MAX_PIXELS = 2048 * 2048
"""Maximum pixels per forward pass; larger images are split into sliding windows of that size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A region of the image, as the network sees it."""

    vertical: Span
    """Rows of the region, in image pixels, and those that take their results from it."""
    horizontal: Span
    """Columns likewise."""
    size: tuple[int, int]
    """Rows and columns that the region is resized to for the network."""
    mirrored: bool
    """Whether the network sees the mirror image."""

    @property
    def top(self) -> int:
        """First row of the region, in image pixels."""
        return self.vertical.start

    @property
    def left(self) -> int:
        """First column."""
        return self.horizontal.start

    @property
    def rows(self) -> int:
        """Rows of the region."""
        return self.vertical.stop - self.vertical.start

    @property
    def columns(self) -> int:
        """Columns of the region."""
        return self.horizontal.stop - self.horizontal.start


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """Views that together cover the image, at one scale. All passes have the same weight.

    Each pixel belongs to one view, the one whose edge is farthest from it.
    """

    views: tuple[View, ...]
    """The whole image, or its windows."""


def plan(
    size: tuple[int, int],
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int | tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
    multiple: int = 1,
    fixed: bool = False,
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
        multiple: pixels between two features of the network. Windows start at multiples of it in
            the scaled image, so that they see the same features as the whole image has.
        fixed: windows have exactly the sides of `window`.

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
            passes.append(_pass(size, scale, sides, mirrored, multiple, fixed))
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


def _pass(
    size: tuple[int, int],
    scale: float,
    sides: tuple[int, int],
    mirrored: bool,
    multiple: int,
    fixed: bool,
) -> Pass:
    unit = max(1, round(multiple / scale))
    least = math.ceil(SMALLEST_IMAGE / scale)
    rows, columns = (
        spans(length, side, unit, fixed=fixed, least=least)
        for length, side in zip(size, sides, strict=True)
    )
    return Pass(
        views=tuple(
            View(
                vertical=vertical,
                horizontal=horizontal,
                size=_scaled(
                    (vertical.stop - vertical.start, horizontal.stop - horizontal.start), scale
                ),
                mirrored=mirrored,
            )
            for vertical in rows
            for horizontal in columns
        )
    )


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    rows, columns = (max(SMALLEST_IMAGE, round(side * scale)) for side in size)
    return rows, columns


def _pair(window: int | tuple[int, int]) -> tuple[int, int]:
    return (window, window) if isinstance(window, int) else window
