"""Superpixels: pieces of one colour, about as many as asked for."""

from __future__ import annotations

import numpy as np

from contextseg.explorer import superpixels as module
from contextseg.explorer.superpixels import superpixels


def test_pieces_end_where_colours_do(monkeypatch):
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, 77:] = (200, 60, 30)  # no edge of the grid lies there
    pieces = superpixels(image, 200)
    assert pieces.shape == (120, 160)
    assert pieces.dtype == np.int32
    assert 120 <= len(np.unique(pieces)) <= 260
    assert not set(np.unique(pieces[:, :77])) & set(np.unique(pieces[:, 77:]))
    monkeypatch.setattr(module, "PIXELS", 60 * 80)  # of a large image
    reduced = superpixels(image, 200)
    assert reduced.shape == (120, 160)
    assert not set(np.unique(reduced[:, :75])) & set(np.unique(reduced[:, 80:]))


def test_small_and_odd_images():
    for size in ((1, 1), (3, 200), (7, 5)):
        assert superpixels(np.zeros((*size, 3), np.uint8)).shape == size
