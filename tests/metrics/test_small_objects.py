"""IoU of small objects: by hand on small maps, and against the definition written plainly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from contextseg.config.labels import IGNORED
from contextseg.metrics.small_objects import SmallObjectIoU, components


def labels(*rows):
    """A map from rows of digits; a dot is ignored."""
    return np.array([[IGNORED if c == "." else int(c) for c in row] for row in rows], np.uint8)


def iou(prediction, given, bounds, num_classes=2):
    counted = SmallObjectIoU(num_classes, bounds)
    counted.update(prediction, given)
    return counted.iou()


def test_found_missed_and_false_pixels_of_one_small_object():
    given = labels("000000", "011000", "000000", "000000")
    found = labels("000000", "001100", "000000", "000000")
    assert iou(found, given, [3])[0] == pytest.approx([math.nan, 1 / 3], nan_ok=True)
    # The background is one object of 22 pixels, found but for one, with one pixel spilt.
    assert iou(found, given, [23])[0] == pytest.approx([21 / 23, 1 / 3])


def test_diagonal_neighbours_are_one_object():
    given = labels("1000", "0100", "0010")
    assert math.isnan(iou(given, given, [3])[0, 1])
    assert iou(given, given, [4])[0, 1] == 1


def test_what_spills_over_a_large_object_is_not_counted_against_small_ones():
    given = labels("1111000010", "1111000000", "0000000000")
    spilt = labels("1111100010", "1111100000", "0000000000")
    assert iou(spilt, given, [4])[0, 1] == 1
    # Without the large object it would be: its part touches a small one now.
    assert iou(spilt, given, [9])[0, 1] == pytest.approx(9 / 11)


def test_small_inventions_count_and_large_ones_do_not():
    given = labels("1000000000", "0000000000", "0000000000")
    small = labels("1000000011", "0000000000", "0000000000")
    large = labels("1000011111", "0000011111", "0000000000")
    assert iou(small, given, [4])[0, 1] == pytest.approx(1 / 3)
    assert iou(large, given, [4])[0, 1] == 1


def test_ignored_pixels_neither_count_nor_connect():
    given = labels("11.11", "11.11", "00000")
    found = labels("11111", "11111", "00000")
    counts = SmallObjectIoU(2, [5])
    counts.update(found, given)
    assert counts.counts[0, 1].tolist() == [8, 0, 0]


def test_images_add_up():
    one, two = labels("10", "00"), labels("11", "00")
    counts = SmallObjectIoU(2, [4])
    counts.update(one, one)
    counts.update(one, two)
    assert counts.iou()[0] == pytest.approx([5 / 6, 2 / 3])


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_the_definition(seed):
    rng = np.random.default_rng(seed)
    given = ndimage.zoom(rng.integers(0, 4, (6, 8)), 4, order=0).astype(np.uint8)
    found = np.where(rng.random(given.shape) < 0.15, rng.integers(0, 4, given.shape), given)
    given[rng.random(given.shape) < 0.03] = IGNORED
    bounds = [3, 20, 60]
    counted = SmallObjectIoU(4, bounds)
    counted.update(found.astype(np.uint8), given)
    expected = [[plain(found, given, label, bound) for label in range(4)] for bound in bounds]
    assert counted.counts.tolist() == expected


def plain(found, given, label, bound):
    """Found, missed and false pixels of a class, object by object."""
    eight = np.ones((3, 3))
    objects, count = ndimage.label(given == label, eight)
    small, large = np.zeros(given.shape, bool), np.zeros(given.shape, bool)
    for number in range(1, count + 1):
        one = objects == number
        (small if one.sum() < bound else large)[one] = True
    false = 0
    parts, count = ndimage.label((found == label) & (given != IGNORED), eight)
    for number in range(1, count + 1):
        one = parts == number
        if not (one & large).any() and ((one & small).any() or one.sum() < bound):
            false += int((one & (given != label)).sum())
    hits = int((small & (found == label)).sum())
    return [hits, int(small.sum()) - hits, false]


def test_components_have_their_sizes():
    numbers, sizes = components(labels("1101", "0001") == 1)
    assert sizes.tolist() == [4, 2, 2]
    assert numbers[0, 0] != numbers[1, 3]


@pytest.mark.parametrize("bounds", [[], [0], [9, 4], [4, 4]])
def test_bounds_must_rise(bounds):
    with pytest.raises(ValueError, match="rising numbers of pixels"):
        SmallObjectIoU(2, bounds)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\[2, 2\] and \[1, 2\]"):
        SmallObjectIoU(2).update(labels("00", "00"), labels("00"))
