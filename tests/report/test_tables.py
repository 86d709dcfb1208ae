"""Tables say the same as HTML, as Markdown and on a terminal, whatever stands in its cells."""

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
    root = ET.fromstring(TABLE.html())
    rows = [[" ".join("".join(cell.itertext()).split()) for cell in row] for row in root.iter("tr")]
    assert rows == [
        ["model", "IoU", "seeds"],
        ["a|b <i>", "61.0 +1.0", "3"],
        ["c", "failed: no memory"],
    ]
    assert root.find(".//td[@class='better']/b") is not None


def test_plain_rows_have_a_text_a_column():
    assert TABLE.texts() == [["a|b <i>", "61.0 (+1.0)", "3"], ["c", "failed: no\nmemory", ""]]


def test_a_column_has_room_for_what_stands_behind_any_of_its_numbers():
    table = Table(
        ["model", "IoU", "seeds"],
        [
            ["first", Cell("61.0", spread="± 0.3"), "3"],
            ["second", Cell("9.0", note="−52.0"), "1"],
            ["third", Cell("failed", span=2)],
        ],
    )
    rows = [row.findall("td") for row in ET.fromstring(table.html()).iter("tr")][1:]
    assert [[slot.tag for slot in cell] for row in rows[:2] for cell in row] == [
        [], ["i", "small"], [], [], ["i", "small"], [],
    ]  # fmt: skip
    assert [len(cell) for cell in rows[2]] == [0, 0]
    assert table.texts() == [
        ["first", "61.0 ± 0.3", "3"], ["second", "9.0 (−52.0)", "1"], ["third", "failed", ""],
    ]  # fmt: skip
