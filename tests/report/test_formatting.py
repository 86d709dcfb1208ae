"""Numbers as people read them: no sign on what rounds to zero, decimals that line up."""

from __future__ import annotations

import math

import pytest

from contextseg.report.formatting import aligned, number, percent, points


def test_what_rounds_to_zero_has_no_sign():
    assert [points(value) for value in (0.04, -0.04, 0.0, -0.0)] == ["0.0"] * 4
    assert [points(value) for value in (0.06, -0.06, 12.34)] == ["+0.1", "−0.1", "+12.3"]
    assert percent(-0.0004) == percent(0.0) == "0.0"
    assert number(-0.0) == "0"
    assert aligned([-0.004, 1.0], 2) == ["0.00", "1.00"]


def test_a_share_that_is_not_defined_is_a_dash():
    assert percent(None) == percent(math.nan) == "–"
    assert percent(0.62884) == "62.9"
    assert percent(0.62884, 2) == "62.88"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([11.0, 6.92, 5.87], ["11.00", "6.92", "5.87"]),
        ([1234.5, 98.76], ["1234", "99"]),
        ([0.281, 0.0828], ["0.2810", "0.0828"]),
        ([60.0, 0.0001, 0.0], ["60.00", "0.00", "0.00"]),
        ([3e6, 1.0], ["3000000", "1"]),
        ([1e-9, 2e-9], ["1e−09", "2e−09"]),
        ([0.0], ["0"]),
        ([], []),
    ],
)
def test_numbers_have_equally_many_decimals(values, expected):
    assert aligned(values) == expected


def test_numbers_have_no_needless_zeros():
    assert [number(value) for value in (0.30000000000000004, 5.0, -1.5, 123456.7)] == [
        "0.3", "5", "−1.5", "123457",
    ]  # fmt: skip
