"""Results in README and docs are those of the committed files that they name.

A line, usually the row of a table, names its source in a comment behind it:

    | FCN | 56.8 ± 0.2 | 87.3 | <!-- figures: docs/results/voc_animals/report.md#FCN -->

Behind the number sign stand, for Markdown and CSV, the first cells of the rows that are meant, for
JSON, the paths of the values. Each number with decimals in the line must be one of those, or the
mean of what several files say, rounded to its digits; with a sign also the difference of two.
"""

from __future__ import annotations

import csv
import json
import re
from itertools import chain, combinations
from pathlib import Path
from statistics import fmean

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = re.compile(r"<!-- figures: ([^#\s]+)#(.+?) -->")
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*\.\d+(?![\w.]*\d)")
LINES = [
    (page.relative_to(ROOT).as_posix(), number, line)
    for page in sorted(
        [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("models/*/*.md")]
    )
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
    if "<!-- figures:" in line
]


def shown(line: str) -> list[str]:
    """Numbers with decimals in a line, without its comments and links."""
    text = re.sub(r"<!--.*?-->|`[^`]*`|\]\([^)]*\)", " ", line)
    return [number.replace(",", "") for number in NUMBER.findall(text)]


def in_table(path: Path, names: str) -> list[float]:
    """Numbers of all rows whose first cell is one of the names."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        rows = list(csv.reader(text.splitlines()))
    else:
        rows = [
            re.split(r"\s*\|\s*", line.strip().strip("|").strip()) for line in text.splitlines()
        ]
    values = []
    for name in names.split("; "):
        found = [row for row in rows if row and re.sub("[*`]", "", row[0]) == name]
        assert found, f"{path.name} has no row {name}"
        values += [float(number) for row in found for number in shown(" ".join(row[1:]))]
    if path.suffix == ".csv":  # logs have shares of 1
        values += [100 * value for value in values]
    return values


def in_json(path: Path, keys: str) -> list[float]:
    """The values at paths such as `a.b.0` or `rows[case=ours,group=eval].ms`; and in percent."""
    root = json.loads(path.read_text(encoding="utf-8"))
    values: list[float] = []
    for key in keys.split("; "):
        value = root
        for step, wanted in re.findall(r"([^.\[\]]+)|\[([^\]]+)\]", key):
            if wanted:
                pairs = dict(pair.split("=", 1) for pair in re.split(r",(?=\w+=)", wanted))
                (value,) = (row for row in value if all(str(row[k]) == v for k, v in pairs.items()))
            else:
                value = value[int(step)] if isinstance(value, list) else value[step]
        values += [float(value), 100 * float(value)]
    return values


def wrong(line: str) -> list[str]:
    """Numbers of a line that its source does not have."""
    sources = SOURCE.findall(line)
    assert sources, f"the comment names no file and no row: {line}"
    numbers = shown(line)
    assert numbers, f"no number with decimals: {line}"
    found = [
        (in_json if file.endswith(".json") else in_table)(ROOT / file, keys)
        for file, keys in sources
    ]
    values = [*chain(*found), *(fmean(each) for each in zip(*found, strict=False))]
    gains = [abs(one - other) for one, other in combinations(values, 2)]
    signed = set(re.findall(r"[+−](\d+\.\d+)", line))
    return [
        number
        for number in numbers
        if not any(rounds_to(v, number) for v in (values + gains if number in signed else values))
    ]


def rounds_to(value: float, number: str) -> bool:
    """Whether a value, rounded to the digits of a number, is that number (halves either way)."""
    step = 10.0 ** -len(number.partition(".")[2])
    return abs(value - float(number)) <= step / 2 * (1 + 1e-9)


@pytest.mark.parametrize(("page", "number", "line"), LINES, ids=[f"{p}:{n}" for p, n, _ in LINES])
def test_results_are_those_of_the_file_that_is_named(page, number, line):
    assert not wrong(line), f"{page}, line {number}"


def test_the_readme_names_the_source_of_each_row_of_its_results():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for title in ("Results", "Speed and memory"):
        section = re.split(r"^## ", text, flags=re.MULTILINE)
        (section,) = (part for part in section if part.startswith(title + "\n"))
        rows = [line for line in section.splitlines() if line.startswith("|") and shown(line)]
        assert len(rows) >= 3
        assert [row for row in rows if not SOURCE.search(row)] == []


def test_a_number_that_is_not_in_the_file_is_found():
    source = "<!-- figures: docs/results/voc_animals/report.md#FCN -->"
    assert wrong(f"| FCN | 56.8 ± 0.2 | {source}") == []
    assert wrong(f"| FCN | 56.9 ± 0.2 | {source}") == ["56.9"]
    scores = "<!-- figures: docs/results/camvid/encnet_mobilenetv2_test.json#mean_iou -->"
    assert wrong(f"| 58.8 | {scores}") == []
    assert wrong(f"| 58.7 | {scores}") == ["58.7"]
