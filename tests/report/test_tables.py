"""A table says the same as HTML, as Markdown and on a terminal, whatever stands in its cells."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from contextseg.report.tables import Cell, Table

TABLE = Table(
    ["model", "IoU", "seeds"],
    [
        ["a|b <i>", Cell("61.0", note="+1.0", tone="better", best=True), "3"],
        ["c", Cell("failed: no\nmemory", tone="failed", span=2)],
    ],
)


def test_markdown_keeps_its_columns():
    assert TABLE.markdown().splitlines() == [
        "| model | IoU | seeds |",
        "| --- | ---: | ---: |",
        "| a\\|b &lt;i> | **61.0** (+1.0) | 3 |",
        "| c | failed: no memory |  |",
    ]


def test_html_is_well_formed_and_escaped():
    root = ET.fromstring(TABLE.html().replace("colspan=2", 'colspan="2"'))
    rows = [[" ".join("".join(cell.itertext()).split()) for cell in row] for row in root.iter("tr")]
    assert rows == [
        ["model", "IoU", "seeds"],
        ["a|b <i>", "61.0 +1.0", "3"],
        ["c", "failed: no memory"],
    ]
    assert root.find(".//td[@class='better']/b") is not None


def test_plain_rows_have_a_text_a_column():
    assert TABLE.texts() == [["a|b <i>", "61.0 (+1.0)", "3"], ["c", "failed: no\nmemory", ""]]
