"""Templates: escaped, strict, and part of the package."""

from __future__ import annotations

from importlib.resources import files
from xml.etree import ElementTree

import pytest
from jinja2 import UndefinedError

from contextseg.report.bars import Bar, bar_chart
from contextseg.report.lines import Series, line_chart
from contextseg.report.rendering import markdown_line, render
from contextseg.report.tables import Table


def test_text_is_escaped_in_html_and_in_svg():
    content = {"title": '<script>"&', "summary": "", "parts": [], "failures": ["<b>"]}
    page = render("comparison.html", **content)
    assert "<script>" not in page
    assert "<title>&lt;script&gt;&#34;&amp;</title>" in page
    assert "<li>&lt;b&gt;</li>" in page


def test_markdown_has_one_line_a_text_and_no_tags():
    assert markdown_line("a\n<script> | b") == "a &lt;script> | b"
    content = {"title": "<b>\n# c & d", "summary": "s", "parts": [], "failures": ["x\n\n# y"]}
    assert render("comparison.md", **content) == (
        "# &lt;b> # c & d\n\ns\n\n## What failed\n\n- x # y\n"
    )


def test_what_a_template_lacks_raises():
    with pytest.raises(UndefinedError, match="'title' is undefined"):
        render("comparison.html", summary="", parts=[], failures=[])


def test_templates_are_files_of_the_package():
    names = {file.name for file in files("contextseg.report").joinpath("templates").iterdir()}
    assert {
        "base.html",
        "report.html",
        "comparison.html",
        "comparison.md",
        "chart.css",
        "style.css",
    } <= names


def test_names_with_control_characters_leave_files_whole():
    name = "a\x1b[2J\u202e\x9b<b>"
    bars = bar_chart("Cost", [Bar(name, 1.0)], x_label="ms")
    lines = line_chart("Loss", [Series(name, [(0, 1.0), (1, 2.0)])], x_label="step")
    assert bars is not None
    assert lines is not None
    for chart in (bars, lines):
        ElementTree.fromstring(chart.svg())  # XML may not hold control characters
        for text in (chart.svg(), chart.html()):
            assert text.replace("\n", "").isprintable()
            assert "a\\x1b[2J\\u202e\\x9b&lt;b&gt;" in text
    table = Table([name, "IoU"], [[name, "1.0"]])
    for text in (table.html(), table.markdown()):
        assert "a\\x1b[2J\\u202e\\x9b&lt;b" in text
        assert text.replace("\n", "").isprintable()
