"""Elements of views: escaped, bounded, readable on any background."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from contextseg.display.curves import MOST_POINTS, curves
from contextseg.display.html import bar, figures, line, picture, row, short, swatch, table, view
from contextseg.display.numbers import counted, millions
from contextseg.display.pictures import jpeg_address, shrunk
from contextseg.display.text import table as text_table
from tests.display.views import HOSTILE, read, text_of


def test_untrusted_text_is_text_wherever_it_stands():
    image = jpeg_address(Image.new("RGB", (4, 3)))
    html = view(
        HOSTILE,
        line(HOSTILE),
        figures([(HOSTILE, HOSTILE)]),
        row([picture(image, HOSTILE), swatch((1, 2, 3))]),
        table([HOSTILE], [[HOSTILE]], foot=[HOSTILE]),
        curves(HOSTILE, {HOSTILE: [(0, 1), (1, 2)]}, x_label=HOSTILE, places=1),
        note=HOSTILE,
    )
    found = read(html)
    assert found.images == [image]
    assert text_of(html).count("<img src=x onerror=alert(1)>") >= 10


def test_long_text_is_shortened():
    html = view("x" * 10**6, table(["y" * 10**6], [["z" * 10**6]]), note="n" * 10**6)
    read(html, most=10_000)
    assert short("a\n b\t" + "c" * 100, 20) == "a b " + "c" * 15 + "…"


@pytest.mark.parametrize(
    ("share", "width"), [(0.5, "50.0%"), (1.7, "100.0%"), (-1, "0.0%"), (0, "0.0%")]
)
def test_a_bar_stays_in_its_track(share, width):
    assert f"width:{width}" in bar(share)


@pytest.mark.parametrize("share", [None, math.nan, math.inf])
def test_an_undefined_share_has_no_bar(share):
    assert bar(share) == ""


def test_curves_are_bounded_and_leave_out_what_is_not_finite():
    points = [(x, 1.0 + x) for x in range(10_000)]
    html = curves("loss", {"a": [*points, (10_000, math.nan)]}, x_label="step", places=2)
    pairs = html.split('points="')[1].split('"')[0].split()
    assert MOST_POINTS / 2 < len(pairs) <= MOST_POINTS + 1
    assert "10000.00" in text_of(view("", html))
    assert curves("loss", {"a": [(0, math.nan)]}, x_label="step", places=2) == ""
    only_one = curves("loss", {"a": [(3, 2.0)]}, x_label="step", places=2)
    assert "2.00" in only_one
    assert "<svg" not in only_one


def test_shrunk_pictures_hold_no_new_classes():
    mask = np.zeros((90, 300), np.uint8)
    mask[:, ::2] = 200
    image, small = shrunk(np.zeros((90, 300, 3), np.uint8), mask, 50)
    assert small.shape == (15, 50)
    assert image.shape == (15, 50, 3)
    assert set(np.unique(small)) <= {0, 200}
    assert shrunk(image, small, 50)[1] is small


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (counted(1, "class"), "1 class"),
        (counted(2, "class"), "2 classes"),
        (counted(12_345, "image"), "12,345 images"),
        (millions(35_545_324), "35.5 M"),
        (millions(3_510_000), "3.51 M"),
        (millions(5_130), "0.005 M"),
    ],
)
def test_numbers_as_people_write_them(text, expected):
    assert text == expected


def test_columns_of_plain_text_are_aligned():
    lines = text_table(["a", "number"], [["long name", "7"], ["b", "1234567"]]).splitlines()
    assert lines == ["a           number", "long name        7", "b          1234567"]
