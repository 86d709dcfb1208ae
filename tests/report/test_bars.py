"""Bar charts: lengths and error bars where the numbers are, nothing that breaks on odd input."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from contextseg.report.bars import LONGEST, Bar, bar_chart


def rectangles(chart):
    found = re.findall(r'<rect [^>]*x="([^"]*)" [^>]*width="([^"]*)"', chart.drawing)
    return [(float(x), float(width)) for x, width in found]


def test_lengths_and_error_bars_stand_where_the_numbers_say():
    chart = bar_chart("IoU", [Bar("a", 10.0, 2.0), Bar("b", 5.0)], x_label="percent")
    (start, ten), (_, five) = rectangles(chart)
    assert five == pytest.approx(ten / 2, abs=0.1)
    ((low, high),) = [
        tuple(map(float, ends))
        for ends in re.findall(r'class="error" d="M(\S+) \S+H(\S+)M', chart.drawing)
    ]
    assert (low + high) / 2 == pytest.approx(start + ten, abs=0.1)
    assert (high - low) / 2 == pytest.approx(ten / 5, abs=0.1)
    assert ">10</text>" in chart.drawing
    assert ">percent</text>" in chart.drawing


def test_values_have_equally_many_decimals():
    chart = bar_chart(
        "IoU", [Bar("a", 12.34), Bar("b", 5.0), Bar("c", -0.04)], x_label="percent", places=1
    )
    assert re.findall(r'class="value"[^>]*>([^<]*)<', chart.drawing) == ["12.3", "5.0", "0.0"]


def test_the_accessible_name_has_the_values():
    bars = [Bar("<a>", 62.94, 0.31), Bar("b", 60.0), Bar("c", math.nan)]
    chart = bar_chart("Mean IoU", bars, x_label="percent", places=1)
    expected = "Mean IoU, percent: <a> 62.9 ± 0.31; b 60.0; c –."
    assert chart.description == expected
    for text in (chart.html(), chart.svg()):
        assert [e.get("aria-label") for e in ET.fromstring(text).iter() if e.get("role")] == [
            expected
        ]


def test_negative_bars_go_to_the_left_of_zero():
    (start, width), (zero, _) = rectangles(
        bar_chart("x", [Bar("a", -1.0), Bar("b", 1.0)], x_label="x")
    )
    assert start + width == pytest.approx(zero, abs=0.1)


@pytest.mark.parametrize("value", [0.0, 1e-9, 3e6])
def test_any_size_has_an_axis(value):
    ET.fromstring(bar_chart("x", [Bar("a", value)], x_label="x").html())


def test_what_is_not_finite_is_only_named():
    chart = bar_chart("x", [Bar("one", math.nan, 1.0), Bar("two", 1.0, math.nan)], x_label="x")
    assert len(rectangles(chart)) == 1
    assert ">one</text>" in chart.drawing
    assert bar_chart("x", [Bar("a", math.inf)], x_label="x") is None
    assert bar_chart("x", [], x_label="x") is None


def test_names_are_escaped_and_shortened():
    chart = bar_chart("<T>", [Bar("<b>", 1.0), Bar("x" * 99, 1.0)], x_label="&")
    for text in (chart.html(), chart.svg()):
        ET.fromstring(text)
        assert "&lt;b&gt;" in text
        assert "x" * (LONGEST - 1) + "…" in text


def test_a_chart_stands_alone_as_a_file():
    chart = bar_chart("IoU below 32² px", [Bar("a", 1.0)], x_label="percent")
    assert chart.file_name == "iou-below-322-px.svg"
    root = ET.fromstring(chart.svg())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert any("--s0" in (style.text or "") for style in root.iter() if "style" in style.tag)
