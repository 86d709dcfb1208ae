"""Windows cover the image, stay in it, and see little of it twice."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contextseg.inference.views.plan import plan, smallest_side
from contextseg.inference.views.windows import Span, overlap_counts, overlap_of, spans


def test_by_hand():
    assert overlap_of(512, 8) == 56
    assert overlap_of(1024, 32) == 96
    assert overlap_of(64, 32) == 32  # one feature at least
    assert spans(48, 48) == [Span(0, 48, 0, 48)]
    assert spans(20, 48) == [Span(0, 20, 0, 20)]
    assert overlap_counts(6, [0, 2], 4) == [1, 1, 2, 2, 1, 1]


@settings(deadline=None, max_examples=100)
@given(
    units=st.integers(1, 300),
    window=st.integers(32, 2500),
    multiple=st.sampled_from([1, 4, 8, 16, 32, 64]),
    fixed=st.booleans(),
)
def test_every_pixel_belongs_to_one_window_that_sees_its_surroundings(
    units, window, multiple, fixed
):
    length = units * multiple
    found = spans(length, window, multiple, fixed=fixed)
    assert (found[0].start, found[0].first) == (0, 0)
    assert (found[-1].stop, found[-1].last) == (length, length)
    for each in found:
        assert each.start <= each.first < each.last <= each.stop
        assert each.stop - each.start <= max(window, multiple)
        if not fixed and window >= 64:
            assert each.start % multiple == 0
            assert each.stop - each.start >= min(32, length)
    side = window if fixed or window < 64 else window // multiple * multiple
    for one, other in pairwise(found):
        assert one.start < other.start
        assert one.last == other.first
        shared = one.stop - other.start
        if side > multiple:
            assert shared >= min(multiple, side // 2)
        assert abs((one.stop - one.last) - (other.first - other.start)) <= 1
    if fixed:
        assert len({each.stop - each.start for each in found}) == 1


@settings(deadline=None, max_examples=100)
@given(
    length=st.integers(1, 500),
    window=st.integers(9, 64),
    multiple=st.sampled_from([1, 8, 16, 32]),
)
def test_windows_see_at_most_1_3_times_the_pixels(length, window, multiple):
    length, window = length * multiple, window * multiple
    found = spans(length, max(window, 64), multiple)
    assert sum(each.stop - each.start for each in found) <= 1.3**0.5 * length


@settings(deadline=None, max_examples=200)
@given(
    height=st.integers(1, 700),
    width=st.integers(1, 700),
    scale=st.floats(0.1, 3),
    max_pixels=st.integers(32 * 32, 300 * 300),
    window=st.none() | st.integers(32, 400),
)
def test_the_network_gets_no_more_than_it_may_and_no_less_than_it_needs(
    height, width, scale, max_pixels, window
):
    least = smallest_side([scale])
    size = max(height, least), max(width, least)
    (whole,) = plan(size, scales=[scale], window=window, max_pixels=max_pixels)
    for view in whole.views:
        assert 0 <= view.top <= view.top + view.rows <= size[0]
        assert 0 <= view.left <= view.left + view.columns <= size[1]
        assert min(view.size) >= 32
        if window is None:
            assert view.size[0] * view.size[1] <= max_pixels
        else:
            assert max(view.size) <= window
    seen = np.zeros(size, np.uint8)
    for view in whole.views:
        rows, columns = view.vertical, view.horizontal
        seen[rows.first : rows.last, columns.first : columns.last] += 1
    assert (seen == 1).all()
