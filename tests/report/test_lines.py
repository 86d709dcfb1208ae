"""Charts: round ticks, lines where the numbers are, nothing that breaks on odd input."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from contextseg.report.charts import tick_labels, ticks
from contextseg.report.lines import (
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
)


def lines(chart):
    return [
        [tuple(map(float, pair.split(","))) for pair in points.split()]
        for points in re.findall(r'<polyline[^>]* points="([^"]*)"', chart.drawing)
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


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0, 0.5, 1], ["0.0", "0.5", "1.0"]),
        ([0, 2.5, 5], ["0.0", "2.5", "5.0"]),
        ([-0.0, 200], ["0", "200"]),
        ([-0.30000000000000004, 0, 0.1], ["−0.3", "0.0", "0.1"]),
        ([0, 1e-9], ["0", "1e−09"]),
    ],
)
def test_labels_of_an_axis_have_equally_many_decimals(given, expected):
    assert tick_labels(given) == expected


def test_points_stand_where_the_numbers_say():
    chart = line_chart("Loss", [Series("total", [(0, 0), (50, 5), (100, 10)])], x_label="step")
    (points,) = lines(chart)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    expected = [(LEFT, bottom), ((LEFT + right) / 2, (TOP + bottom) / 2), (right, TOP)]
    assert [p for pair in points for p in pair] == pytest.approx([p for e in expected for p in e])
    for number in ("0", "2", "4", "6", "8", "10", "100"):
        assert f">{number}</text>" in chart.drawing


def test_the_legend_names_each_series_with_its_last_value():
    chart = line_chart(
        "Loss", [Series("a", [(0, 1)]), Series("b", [(0, 1), (1, 0.25)])], x_label="step"
    )
    assert len(lines(chart)) == 2
    assert chart.legend == [("a", "1.000"), ("b", "0.250")]
    legend = ET.fromstring(chart.html()).find("ul")
    words = [" ".join("".join(item.itertext()).split()) for item in legend]
    assert words == ["last value:", "a 1.000", "b 0.250"]


def test_the_accessible_name_has_the_values():
    series = [Series("a", [(10, 2.0), (20, 1.0)]), Series("b", [(10, 9.96)])]
    chart = line_chart("IoU", series, x_label="step", y_label="percent", places=1)
    expected = "IoU over step 10 to 20, percent: a from 2.0 to 1.0; b from 10.0 to 10.0."
    assert [e.get("aria-label") for e in ET.fromstring(chart.html()).iter("svg")] == [expected]


def test_a_chart_is_well_formed_and_escapes_its_texts():
    chart = line_chart(
        'A <b> & "c"',
        [Series("<script>", [(0, 1), (1, 2)])],
        x_label="<x>",
        y_label="&",
        from_zero=False,
    )
    for text in (chart.html(), chart.svg()):
        ET.fromstring(text)
        assert "<script>" not in text
        assert "&lt;script&gt;" in text


def test_what_is_not_finite_is_left_out():
    points = [(0, 1), (1, math.nan), (2, math.inf), (3, 2)]
    (drawn,) = lines(line_chart("x", [Series("a", points)], x_label="step"))
    assert len(drawn) == 2
    assert line_chart("x", [Series("a", [(0, math.nan)]), Series("b", [])], x_label="s") is None
    assert line_chart("x", [], x_label="s") is None


def test_long_lines_are_averaged_and_keep_their_end():
    points = [(i, float(i % 2)) for i in range(10 * MOST_POINTS)]
    drawn = thinned(points)
    assert len(drawn) == MOST_POINTS
    assert drawn[0] == (4.5, 0.5)
    assert drawn[-1] == points[-1]
    assert thinned(points[:5]) == points[:5]


def test_what_was_measured_once_is_named_and_not_drawn():
    series = [Series("a", [(5, 0.0)]), Series("b", [(5, 43.21), (9, math.nan)])]
    chart = line_chart("IoU", series, x_label="step", y_label="percent", places=1)
    figure = ET.fromstring(chart.html())
    assert figure.find("svg") is None
    words = [" ".join("".join(item.itertext()).split()) for item in figure.find("ul")]
    assert words == ["at step 5:", "a 0.0", "b 43.2"]


def test_a_line_that_stays_level_is_drawn():
    (drawn,) = lines(line_chart("x", [Series("a", [(5, 0), (6, 0)])], x_label="step"))
    assert drawn[0][1] == drawn[1][1]
