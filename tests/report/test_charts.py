"""Charts: round ticks, lines where the numbers are, nothing that breaks on odd input."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from contextseg.report.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    MOST_POINTS,
    RIGHT,
    TOP,
    WIDTH,
    Series,
    line_chart,
    thinned,
    ticks,
)


def lines(chart):
    return [
        [tuple(map(float, pair.split(","))) for pair in points.split()]
        for points in re.findall(r'<polyline[^>]* points="([^"]*)"', chart)
    ]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0, 2.3, [0, 0.5, 1, 1.5, 2, 2.5]),
        (0, 0.03, [0, 0.01, 0.02, 0.03]),
        (0, 900, [0, 200, 400, 600, 800, 1000]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (3, 3, [2.4, 2.6, 2.8, 3, 3.2, 3.4, 3.6]),
    ],
)
def test_ticks_are_round_and_enclose_the_range(low, high, expected):
    found = ticks(low, high, 5)
    assert found[0] <= low
    assert found[-1] >= high
    if low != high:
        assert found == pytest.approx(expected)


def test_points_stand_where_the_numbers_say():
    chart = line_chart("Loss", [Series("total", [(0, 0), (50, 5), (100, 10)])], x_label="step")
    (points,) = lines(chart)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    expected = [(LEFT, bottom), ((LEFT + right) / 2, (TOP + bottom) / 2), (right, TOP)]
    assert [p for pair in points for p in pair] == pytest.approx([p for e in expected for p in e])
    for number in ("0", "2", "4", "6", "8", "10", "100"):
        assert f">{number}</text>" in chart


def test_the_legend_names_each_series_with_its_last_value():
    chart = line_chart(
        "Loss", [Series("a", [(0, 1)]), Series("b", [(0, 1), (1, 0.25)])], x_label="step"
    )
    assert len(lines(chart)) == 2
    assert "a <b>1</b>" in chart
    assert "b <b>0.25</b>" in chart


def test_a_chart_is_well_formed_and_escapes_its_texts():
    chart = line_chart(
        'A <b> & "c"', [Series("<script>", [(0, 1)])], x_label="<x>", y_label="&", from_zero=False
    )
    ET.fromstring(chart)
    assert "<script>" not in chart
    assert "&lt;script&gt;" in chart


def test_what_is_not_finite_is_left_out():
    points = [(0, 1), (1, math.nan), (2, math.inf), (3, 2)]
    (drawn,) = lines(line_chart("x", [Series("a", points)], x_label="step"))
    assert len(drawn) == 2
    assert line_chart("x", [Series("a", [(0, math.nan)]), Series("b", [])], x_label="s") == ""
    assert line_chart("x", [], x_label="s") == ""


def test_long_lines_are_averaged_and_keep_their_end():
    points = [(i, float(i % 2)) for i in range(10 * MOST_POINTS)]
    drawn = thinned(points)
    assert len(drawn) == MOST_POINTS
    assert drawn[0] == (4.5, 0.5)
    assert drawn[-1] == points[-1]
    assert thinned(points[:5]) == points[:5]


def test_one_point_is_drawn():
    ET.fromstring(line_chart("x", [Series("a", [(5, 0)])], x_label="step"))
