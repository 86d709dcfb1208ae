"""The pixels of a polygon, and the outline of pixels as polygons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from contextseg.data.formats.log import FormatError
from contextseg.data.formats.objects import Region, Size

LARGEST = 1e7
"""Coordinates beyond this many pixels are no coordinates."""


def ring(points: Any) -> np.ndarray:
    """The corners of a polygon, [n, 2], float64, from x and y of each or one flat list of them.

    Raises:
        FormatError: there are fewer than three corners, or something is not a finite number.
    """
    try:
        corners = np.asarray(points, np.float64)
        corners = corners.reshape(-1, 2)
    except (TypeError, ValueError, OverflowError):
        raise FormatError("its coordinates are not pairs of numbers") from None
    if len(corners) < 3:
        raise FormatError(f"a polygon of {len(corners)} points; it needs three or more")
    if not (np.abs(corners) < LARGEST).all():  # NaN too
        raise FormatError("its coordinates are not finite numbers of pixels")
    return corners


def polygon_region(rings: Sequence[np.ndarray], size: Size) -> Region:
    """The pixels whose centres lie inside a polygon.

    The centre of the pixel in row r and column c is at x = c + 0.5, y = r + 0.5; the image spans 0
    to its number of columns and rows. Inside is by the even-odd rule, so further rings are holes.
    Pixel centres that lie exactly on an edge belong to it if the inside is to their right. What is
    outside the image is cut off. A polygon along the edges of pixels is thus exactly these pixels,
    which OpenCV's `fillPoly` (it adds the pixels below the outline) and its shift do not give.

    Args:
        rings: [n, 2] each, float64, x and y in pixels.
        size: rows and columns of the image.

    Raises:
        FormatError: no pixel is inside.
    """
    corners = np.concatenate(rings)
    low, high = corners.min(0), corners.max(0)
    if (high <= 0).any() or (low >= size[::-1]).any():
        raise FormatError(
            f"lies outside the image of {size[0]} x {size[1]}: x {low[0]:g} to {high[0]:g}, y "
            f"{low[1]:g} to {high[1]:g}"
        )
    left, top = np.floor(np.clip(low, 0, None)).astype(int)
    right, bottom = np.ceil(np.minimum(high, size[::-1])).astype(int)
    toggles = np.zeros((bottom - top, right - left + 1), np.int64)
    for corner in rings:
        rows, columns = _crossings(corner, top, bottom, left, right)
        np.add.at(toggles, (rows, columns), 1)
    inside = np.cumsum(toggles[:, :-1], axis=1) % 2 == 1
    if not inside.any():
        raise FormatError("covers no pixel")
    return Region(int(top), int(left), inside)


def _crossings(
    corners: np.ndarray, top: int, bottom: int, left: int, right: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where edges cross the centre lines of rows: row, and first column right of the crossing."""
    x0, y0 = corners.T
    x1, y1 = np.roll(corners, -1, axis=0).T
    first = np.clip(np.ceil(np.minimum(y0, y1) - 0.5), top, bottom).astype(np.int64)
    last = np.clip(np.ceil(np.maximum(y0, y1) - 0.5), top, bottom).astype(np.int64)
    number = np.maximum(last - first, 0)
    edge = np.repeat(np.arange(len(corners)), number)
    rows = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number) + first[edge]
    slope = (x1 - x0)[edge] / (y1 - y0)[edge]
    x = x0[edge] + (rows + 0.5 - y0[edge]) * slope
    columns = np.clip(np.ceil(x - 0.5), left, right).astype(np.int64)
    return rows - top, columns - left


def box_region(left: float, top: float, right: float, bottom: float, size: Size) -> Region:
    """The pixels whose centres lie in a box, as `polygon_region`."""
    box = ring([(left, top), (right, top), (right, bottom), (left, bottom)])
    return polygon_region([box], size)


def mask_region(mask: np.ndarray) -> Region:
    """The region of a mask of the whole image, [h, w], bool.

    Raises:
        FormatError: it is empty.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        raise FormatError("covers no pixel")
    top, left = int(rows[0]), int(columns[0])
    return Region(top, left, mask[top : rows[-1] + 1, left : columns[-1] + 1])


def placed_region(pixels: np.ndarray, top: int, left: int, size: Size) -> Region:
    """The part inside the image of a mask [h, w], bool, whose first pixel is at `top`, `left`.

    Raises:
        FormatError: there is none.
    """
    cut = pixels[max(-top, 0) : max(size[0] - top, 0), max(-left, 0) : max(size[1] - left, 0)]
    if not cut.any():
        raise FormatError("covers no pixel of the image")
    return Region(max(top, 0), max(left, 0), cut)


def outlines(mask: np.ndarray, tolerance: float = 0.0) -> Iterator[np.ndarray]:
    """The outlines of the connected parts of a mask, without their holes.

    An outline runs along the edges of pixels, so that `polygon_region` of it is exactly the part
    with its holes filled. Parts are connected by edges, not by corners: then each of them lies
    entirely inside or outside any other's outline, and drawing all outlines of a label map, the
    largest first, gives the label map again.

    Args:
        mask: [h, w], bool.
        tolerance: outlines may be simplified by this many pixels; 0 keeps every corner.

    Yields:
        [n, 2], float64: x and y of the corners, in pixels.
    """
    number, parts, boxes, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4
    )
    for part in range(1, number):
        x, y, width, height = (int(value) for value in boxes[part, :4])
        piece = (parts[y : y + height, x : x + width] == part).astype(np.uint8)
        # At twice the size, pixels 2i and 2i + 1 of the outline stand for the edges i and i + 1.
        double = cv2.copyMakeBorder(
            piece.repeat(2, 0).repeat(2, 1), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0
        )
        (outline,), _ = cv2.findContours(double, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        corners = outline[:, 0] // 2
        if tolerance > 0:
            simple = cv2.approxPolyDP(corners.astype(np.int32)[:, None], tolerance, True)[:, 0]
            simple = _without_repetitions(simple)
            corners = simple if len(simple) >= 3 else corners
        yield _without_repetitions(corners) + np.array([x, y], np.float64)


def _without_repetitions(corners: np.ndarray) -> np.ndarray:
    """Corners without repeated ones and those in the middle of a straight side."""
    corners = corners[(corners != np.roll(corners, 1, axis=0)).any(1)]
    before, after = corners - np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0) - corners
    turn = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    return corners[turn]
