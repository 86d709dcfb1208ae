"""Human-readable numbers, for pages and the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from contextseg.display.numbers import NOTHING, fixed, percent

__all__ = ["MEANS", "NOTHING", "aligned", "fixed", "number", "percent", "points"]

MEANS = {
    "mean IoU": "mean_iou",
    "pixel accuracy": "pixel_accuracy",
    "mean accuracy": "mean_accuracy",
    "presence mAP": "presence_map",
}
"""Scores over all classes: display name to field of `Scores`."""


def points(difference: float, places: int = 1) -> str:
    """A difference with its sign; one that rounds to zero has no sign."""
    text = fixed(difference, places)
    return f"+{text}" if difference > 0 and text != fixed(0.0, places) else text


def number(value: float, digits: int = 6) -> str:
    """A number without needless digits: 0.30000000000000004 becomes 0.3."""
    text = f"{value + 0.0:.{digits}g}" if abs(value) < 1e5 else f"{value:.0f}"
    return text.replace("-", "−")


def aligned(values: Sequence[float], places: int | None = None) -> list[str]:
    """Numbers with the same number of decimals, so that they align in a column.

    Args:
        values: finite numbers.
        places: decimals; None chooses them so that the largest number has three significant
            digits, or four if the smallest would otherwise have fewer than three.
    """
    sizes = [abs(value) for value in values if value]
    if places is None:
        if sizes and not 1e-3 <= max(sizes) < 1e5:
            return [number(value, 3) for value in values]
        top = math.floor(math.log10(max(sizes))) if sizes else 2
        low = math.floor(math.log10(min(sizes))) if sizes else 2
        places = max(2 - top, min(2 - low, 3 - top), 0)
    return [fixed(value, places) for value in values]
