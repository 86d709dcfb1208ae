"""Bar charts: lengths and error bars where the numbers are, nothing that breaks on odd input."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest

from contextseg.report.bars import LONGEST, Bar, bar_chart
from contextseg.report.html import standalone


def rectangles(chart):
    found = re.findall(r'<rect [^>]*x="([^"]*)" [^>]*width="([^"]*)"', chart)
    return [(float(x), float(width)) for x, width in found]


def test_lengths_and_error_bars_stand_where_the_numbers_say():
    chart = bar_chart("IoU", [Bar("a", 10.0, 2.0), Bar("b", 5.0)], x_label="percent")
    (start, ten), (_, five) = rectangles(chart)
    assert five == pytest.approx(ten / 2, abs=0.1)
    (low, high), = [
        tuple(map(float, ends)) for ends in re.findall(r'class="error" d="M(\S+) \S+H(\S+)M', chart)
    ]  # fmt: skip
    assert (low + high) / 2 == pytest.approx(start + ten, abs=0.1)
    assert (high - low) / 2 == pytest.approx(ten / 5, abs=0.1)
    assert ">10</text>" in chart
    assert ">percent</text>" in chart


def test_negative_bars_go_to_the_left_of_zero():
    (start, width), (zero, _) = rectangles(
        bar_chart("x", [Bar("a", -1.0), Bar("b", 1.0)], x_label="x")
    )
    assert start + width == pytest.approx(zero, abs=0.1)


@pytest.mark.parametrize("value", [0.0, 1e-9, 3e6])
def test_any_size_has_an_axis(value):
    ET.fromstring(bar_chart("x", [Bar("a", value)], x_label="x"))


def test_what_is_not_finite_is_only_named():
    chart = bar_chart("x", [Bar("one", math.nan, 1.0), Bar("two", 1.0, math.nan)], x_label="x")
    assert len(rectangles(chart)) == 1
    assert ">one</text>" in chart
    assert bar_chart("x", [Bar("a", math.inf)], x_label="x") == ""
    assert bar_chart("x", [], x_label="x") == ""


def test_names_are_escaped_and_shortened():
    chart = bar_chart("<T>", [Bar("<b>", 1.0), Bar("x" * 99, 1.0)], x_label="&")
    ET.fromstring(chart)
    assert "x" * (LONGEST - 1) + "…" in chart


def test_a_chart_stands_alone_as_a_file():
    root = ET.fromstring(standalone(bar_chart("IoU", [Bar("a", 1.0)], x_label="percent")))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert any("--s0" in (style.text or "") for style in root.iter() if "style" in style.tag)
