"""Rows of results that are collected from windows, and leave as whole rows of tiles."""

from __future__ import annotations

import numpy as np

from contextseg.inference.raster.tiled_file import TILE


class Rows:
    """A strip of a raster's results, as high as a row of windows.

    Args:
        bands: number of bands.
        size: rows and columns of the raster.
        begin: first row that is not written yet.
        most: rows of a window's own part, at most.
    """

    def __init__(self, bands: int, size: tuple[int, int], begin: int, most: int) -> None:
        self._height, width = size
        self._begin = begin
        self._strip = np.zeros((bands, most + TILE, width), np.uint8)

    def put(self, top: int, left: int, results: np.ndarray) -> None:
        """Place results [bands, rows, columns]; rows that are written already are left out."""
        skip = max(0, self._begin - top)
        rows = results[:, skip:]
        at = top + skip - self._begin
        self._strip[:, at : at + rows.shape[1], left : left + results.shape[2]] = rows

    def take(self, end: int) -> np.ndarray:
        """Whole rows of tiles of what is there up to row `end` [bands, n, w]; at the end, all."""
        there = end - self._begin
        ready = there if end == self._height else there // TILE * TILE
        taken = self._strip[:, :ready].copy()
        self._strip[:, : there - ready] = self._strip[:, ready:there]
        self._begin += ready
        return taken
