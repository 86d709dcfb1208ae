"""Bar charts with error bars as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contextseg.report.charts import TONES, Chart, tick_labels, ticks
from contextseg.report.formatting import NOTHING, aligned, number
from contextseg.report.rendering import render

WIDTH, RIGHT, TOP, BOTTOM = 400, 56, 8, 40
ROW = 30
"""Height of a bar and the space around it."""
LETTER = 6.6
"""Approximate width of a letter."""
LONGEST = 24
"""Maximum length of a displayed name, in letters."""
COMPACT_WIDTH, COMPACT_ROW, COMPACT_LONGEST = 560, 20, 2 * LONGEST + 3
"""The same sizes of a compact chart, whose names may be pairs."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart."""

    name: str
    """Its label."""
    value: float
    """Its length; a bar with a non-finite value shows only its name."""
    spread: float = 0.0
    """Half the length of the error bar: one standard deviation; 0 or NaN for none."""

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of the error bar; both equal the value if there is none."""
        spread = self.spread if math.isfinite(self.spread) else 0.0
        return self.value - spread, self.value + spread


def bar_chart(
    title: str,
    bars: Sequence[Bar],
    *,
    x_label: str,
    places: int | None = None,
    compact: bool = False,
) -> Chart | None:
    """Horizontal bars, one below the other; None if no bar has a finite value.

    Args:
        title: what the chart shows.
        bars: from top to bottom; equal names are fine.
        x_label: label of the x axis.
        places: decimals of the values; None chooses them.
        compact: draw many bars of one colour, close together.
    """
    width, row, longest = (
        (COMPACT_WIDTH, COMPACT_ROW, COMPACT_LONGEST) if compact else (WIDTH, ROW, LONGEST)
    )
    finite = [bar for bar in bars if math.isfinite(bar.value)]
    if not finite:
        return None
    texts = iter(aligned([bar.value for bar in finite], places))
    shown = [next(texts) if math.isfinite(bar.value) else "" for bar in bars]
    low = min(end for bar in finite for end in bar.ends)
    high = max(end for bar in finite for end in bar.ends)
    x_ticks = ticks(min(0.0, low), max(0.0, high) or (1.0 if low == 0 else 0.0), 4)
    left = 14 + LETTER * max(len(shortened(bar.name, longest)) for bar in bars)
    bottom = TOP + row * len(bars)

    def place(x: float) -> float:
        return left + (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0]) * (width - left - RIGHT)

    drawn = [
        {"name": shortened(bar.name, longest), "text": text, "middle": TOP + row * (index + 0.5)}
        | dict(zip(("start", "end"), sorted((place(0.0), place(bar.value))), strict=True))
        | dict(zip(("low", "high"), map(place, bar.ends), strict=True))
        for index, (bar, text) in enumerate(zip(bars, shown, strict=True))
    ]
    values = []
    for bar, text in zip(bars, shown, strict=True):
        spread = f" ± {number(bar.spread, 2)}" if text and bar.ends[0] < bar.value else ""
        values.append(f"{bar.name} {text or NOTHING}{spread}")
    return Chart(
        title=title,
        description=f"{title}, {x_label}: {'; '.join(values)}.",
        width=width,
        height=bottom + BOTTOM,
        drawing=render(
            "bars.svg",
            left=left,
            right=width - RIGHT,
            top=TOP,
            bottom=bottom,
            tones=1 if compact else TONES,
            compact=compact,
            thick=row * 0.55,
            ticks=list(zip(map(place, x_ticks), tick_labels(x_ticks), strict=True)),
            x_label=x_label,
            bars=drawn,
        ),
    )


def shortened(name: str, longest: int = LONGEST) -> str:
    """A name of at most `longest` letters."""
    return name if len(name) <= longest else name[: longest - 1] + "…"
