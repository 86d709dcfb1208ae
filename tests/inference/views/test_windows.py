"""Windows cover the image, and stay in it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from contextseg.inference.views.plan import plan, smallest_side
from contextseg.inference.views.windows import overlap_counts, window_starts


def test_by_hand():
    assert window_starts(100, 48) == [0, 32, 52]
    assert window_starts(48, 48) == [0]
    assert window_starts(20, 48) == [0]
    assert window_starts(80, 48) == [0, 32]
    assert overlap_counts(6, [0, 2], 4) == [1, 1, 2, 2, 1, 1]


@settings(deadline=None, max_examples=60)
@given(length=st.integers(1, 500), window=st.integers(1, 600))
def test_every_pixel_is_covered_and_windows_stay_inside(length, window):
    starts = window_starts(length, window)
    assert starts == sorted(set(starts))
    assert min(overlap_counts(length, starts, window)) >= 1
    assert starts[0] == 0
    assert starts[-1] + min(window, length) == length
    assert all(b - a <= max(1, window * 2 // 3) for a, b in pairwise(starts))


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
    assert min(whole.row_counts) >= 1
    assert min(whole.column_counts) >= 1
