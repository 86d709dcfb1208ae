"""Human-readable numbers."""

from __future__ import annotations

import math

NOTHING = "–"
"""Placeholder for a number that is undefined or was not measured."""


def percent(share: float | None, digits: int = 1) -> str:
    """A share in percent, such as 0.6288 as "62.9"; a dash if it is undefined."""
    if share is None or math.isnan(share):
        return NOTHING
    return fixed(100 * share, digits)


def fixed(value: float, places: int) -> str:
    """A number with `places` decimals."""
    return f"{value:z.{places}f}".replace("-", "−")  # z: no sign if the value rounds to zero


def counted(number: int, noun: str) -> str:
    """`1 image`, `2,000 images`, `3 classes`: the noun in the number."""
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def millions(number: int) -> str:
    """A number in millions with three digits: `35.2 M`, `0.043 M`."""
    value = number / 1e6
    places = 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{places}f} M"
