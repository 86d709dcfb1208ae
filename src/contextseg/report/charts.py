"""What all charts share: a drawing, a title and a legend, and axes with round numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from contextseg.report.formatting import fixed, number
from contextseg.report.rendering import render

WIDEST = 760
"""Width of a chart that fits next to another one, in pixels."""
_MARGIN, _LINE, _KEY, _LETTER = 16, 20, 40, 6.6
"""Of the legend in a file: margin, height of a line, room for the key, width of a letter."""
TONES = 8
"""Colours of lines and bars, `s0` to `s7` in the style sheet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A drawing with its title and its legend."""

    title: str
    """What it shows."""
    description: str
    """The title and the values as text, for readers who cannot see the drawing."""
    width: int
    """Width of the drawing, in pixels at scale 1."""
    height: int
    """Height of the drawing."""
    drawing: Markup
    """SVG elements; empty if the legend already has all values."""
    legend: Sequence[tuple[str, str]] = ()
    """Name and value of each line."""
    legend_note: str = ""
    """Which values the legend shows."""

    @property
    def file_name(self) -> str:
        """Name of this chart's SVG file."""
        return "-".join(self.title.lower().replace("²", "2").split()) + ".svg"

    def html(self) -> Markup:
        """The chart as a fragment of a page."""
        return render("chart.html", chart=self, tones=TONES)

    @property
    def is_wide(self) -> bool:
        """Whether it needs the whole width of a page."""
        return self.width > WIDEST or self.height > 2 * self.width

    def svg(self) -> str:
        """The drawing as a standalone file, with its styles."""
        return render("chart.svg", chart=self)

    def figure(self) -> str:
        """A standalone SVG file of the drawing with its title and its legend, on a background."""
        places, x, y = [], _MARGIN, 0
        for name, value in self.legend:
            text = f"{name} {value}" if not self.drawing else name
            length = _KEY + _LETTER * len(text)
            if x > _MARGIN and x + length > self.width - _MARGIN:
                x, y = _MARGIN, y + _LINE
            places.append((x, y, text))
            x += length
        under = y + _LINE if places else 0
        return render("figure.svg", chart=self, places=places, under=under, tones=TONES)


def ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers, from at most `low` to at least `high`."""
    if high <= low:
        low, high = low - 0.5, low + 0.5
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Labels for the ticks of an axis, all with the same number of decimals."""
    tolerance = 1e-6 * (ticks[-1] - ticks[0])
    for places in range(5):
        if all(abs(tick - round(tick, places)) <= tolerance for tick in ticks):
            return [fixed(tick, places) for tick in ticks]
    return [number(tick) for tick in ticks]
