"""Run lengths of three dialects, and polygons, against what their tools do."""

from __future__ import annotations

import numpy as np
import pytest

from contextseg.data.formats.bit_runs import decode_brush, decode_rows, encode_brush, encode_rows
from contextseg.data.formats.log import FormatError
from contextseg.data.formats.rasterise import outlines, placed_region, polygon_region, ring
from contextseg.data.run_lengths import decode_run_lengths, encode_run_lengths


def random_masks() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    masks = [rng.random(rng.integers(1, 40, 2)) < rng.random() for _ in range(40)]
    large = np.zeros((300, 400), np.bool_)  # runs beyond 16 bits in Label Studio's form
    large[200:, 50:60] = True
    return [*masks, large, np.ones((3, 4), np.bool_), np.zeros((3, 4), np.bool_)]


def test_every_dialect_gives_the_mask_back():
    for mask in random_masks():
        assert (decode_run_lengths(encode_run_lengths(mask), mask.shape) == mask).all()
        assert (decode_rows(encode_rows(mask), mask.shape) == mask).all()
        assert (decode_brush(encode_brush(mask), mask.shape) == mask).all()


def test_compressed_run_lengths_are_those_of_pycocotools():
    tools = pytest.importorskip("pycocotools.mask", reason="pycocotools is the oracle")
    for mask in random_masks():
        theirs = tools.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
        assert encode_run_lengths(mask) == theirs
        assert (decode_run_lengths(theirs, mask.shape) == mask).all()


def test_runs_of_cvat_go_along_rows():
    mask = np.array([[0, 1, 1], [1, 0, 0]], bool)
    assert encode_rows(mask) == [1, 3, 2]
    assert encode_rows(~mask) == [0, 1, 3, 2]


# Written by label_studio_sdk 2.0.19: converter.brush.mask2rle of the mask below.
THEIRS = [0, 0, 0, 120, 57, 27, 254, 27, 0, 143, 254, 48, 9, 255, 231, 0, 159, 255, 27, 128, 71,
          254]  # fmt: skip
DRAWN = """
......
.#.##.
.##...
......
.....#
"""


def test_a_brush_that_label_studio_wrote():
    mask = np.array([[letter == "#" for letter in line] for line in DRAWN.split()])
    assert (decode_brush(THEIRS, mask.shape) == mask).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (THEIRS[:-4], "cut off"),
        ([], "not a list of bytes"),
        ([1, 2, 999], "not a list of bytes"),
        ("abc", "not a list of bytes"),
        (None, "not a list of bytes"),
        ([[1, 2], [3]], "not a list of bytes"),
        (encode_brush(np.ones((5, 7), bool)), "a brush of 140 values"),
        ([255] * 40, "a brush of 4294967295 values"),
    ],
)
def test_a_broken_brush_says_why(content, message):
    with pytest.raises(FormatError, match=message):
        decode_brush(content, (5, 6))


@pytest.mark.parametrize(
    "counts", [[3, 4], [-1, 31], [2**62, 2**62, 2**62, 2**62, 30], ["x"], [[1], [2]], None, "6"]
)
def test_broken_runs_are_refused(counts):
    with pytest.raises(FormatError):
        decode_rows(counts, (5, 6))
    if counts is not None and counts != "6":
        with pytest.raises((ValueError, TypeError)):
            decode_run_lengths(counts, (5, 6))


def drawn(corners, size=(10, 12)) -> np.ndarray:
    region = polygon_region([ring(corners)], size)
    mask = np.zeros(size, bool)
    rows, columns = region.pixels.shape
    mask[region.top : region.top + rows, region.left : region.left + columns] = region.pixels
    return mask


def test_a_polygon_along_the_edges_of_pixels_is_these_pixels():
    mask = drawn([(2, 3), (7, 3), (7, 8), (2, 8)])
    expected = np.zeros((10, 12), bool)
    expected[3:8, 2:7] = True
    assert (mask == expected).all()


def test_a_pixel_is_inside_if_its_centre_is():
    rng = np.random.default_rng(1)
    size = (10, 12)
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    for _ in range(60):
        corners = rng.uniform(-4, 14, (rng.integers(3, 9), 2))
        inside = np.zeros(size, bool)
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, 0), strict=True):
            crosses = (y0 <= y) != (y1 <= y)
            inside ^= crosses & (x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x)
        if inside.any():
            assert (drawn(corners, size) == inside).all()


def test_polygons_differ_from_pycocotools_at_the_edge_only():
    """Pixels whose centres are at least 0.7 from the outline are the same."""
    tools = pytest.importorskip("pycocotools.mask", reason="pycocotools is the oracle")
    rng = np.random.default_rng(2)
    size = (60, 80)
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    for _ in range(30):
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(4, 20)))
        radius = rng.uniform(8, 28, len(angles))
        corners = np.stack([40 + radius * np.cos(angles), 30 + radius * np.sin(angles)], 1)
        theirs = tools.decode(tools.frPyObjects([corners.ravel().tolist()], *size))[..., 0] > 0
        differs = drawn(corners, size) != theirs
        far = np.full(size, np.inf)
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, 0), strict=True):
            along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / np.hypot(x1 - x0, y1 - y0) ** 2
            along = along.clip(0, 1)
            far = np.minimum(far, np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)))
        assert not differs[far > 0.7].any()
        assert differs.mean() < 0.03


def test_holes_are_left_open():
    outer, inner = [(0, 0), (9, 0), (9, 9), (0, 9)], [(3, 3), (6, 3), (6, 6), (3, 6)]
    region = polygon_region([ring(outer), ring(inner)], (9, 9))
    assert region.pixels.sum() == 81 - 9
    assert not region.pixels[3:6, 3:6].any()


def test_outlines_are_exact_and_have_no_needless_corners():
    for mask in random_masks():
        filled = np.zeros(mask.shape, bool)
        for corners in outlines(mask):
            assert len(corners) >= 4
            filled |= drawn(corners, mask.shape)
        assert (filled[mask]).all()
        background = ~filled
        assert not (background & mask).any()
    (corners,) = outlines(np.ones((4, 5), bool))
    assert sorted(map(tuple, corners.tolist())) == [(0, 0), (0, 4), (5, 0), (5, 4)]


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        ([(1, 1), (2, 2)], "a polygon of 2 points"),
        ([1, 2, 3, 4, 5], "not pairs of numbers"),
        ([], "a polygon of 0 points"),
        (None, "not pairs of numbers|points"),
        ([(0, 0), (np.nan, 1), (1, 1)], "not finite"),
        ([(0, 0), (1e300, 1), (1, 1)], "not finite"),
        ([("a", 0), (1, 1), (2, 2)], "not pairs of numbers"),
        ([(20, 20), (30, 20), (30, 30)], "outside the image"),
        ([(-5, 0), (-1, 0), (-1, 9)], "outside the image"),
        ([(1, 1), (2, 1), (3, 1)], "covers no pixel"),
        ([(1.1, 1.1), (1.2, 1.1), (1.2, 1.3)], "covers no pixel"),
    ],
)
def test_a_polygon_without_pixels_says_why(corners, message):
    with pytest.raises(FormatError, match=message):
        polygon_region([ring(corners)], (10, 12))


def test_a_mask_that_is_partly_outside_is_cut():
    region = placed_region(np.ones((4, 4), bool), -2, 10, (10, 12))
    assert (region.top, region.left, region.pixels.shape) == (0, 10, (2, 2))
    for top, left in ((-4, 0), (10, 0), (0, 12), (0, -9)):
        with pytest.raises(FormatError, match="covers no pixel"):
            placed_region(np.ones((4, 4), bool), top, left, (10, 12))
