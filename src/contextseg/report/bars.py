"""Bar charts with error bars as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contextseg.report.charts import TONES, number, ticks
from contextseg.report.html import escape

WIDTH, RIGHT, TOP, BOTTOM = 400, 56, 8, 40
ROW = 30
"""Height of a bar and the space around it."""
LETTER = 6.6
"""Width that a letter of a name takes, about."""
LONGEST = 24
"""Letters of a name that are shown at most."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart."""

    name: str
    """What stands beside it."""
    value: float
    """Its length; a bar that is not finite has only its name."""
    spread: float = 0.0
    """Half the length of the error bar: one standard deviation; 0 or NaN for none."""


def bar_chart(title: str, bars: Sequence[Bar], *, x_label: str) -> str:
    """Horizontal bars, one below the other, as HTML; empty where no bar has a finite value.

    Args:
        title: what the chart shows.
        bars: from top to bottom; equal names are fine.
        x_label: quantity along the bottom.
    """
    finite = [bar for bar in bars if math.isfinite(bar.value)]
    if not finite:
        return ""
    low = min(bar.value - _spread(bar) for bar in finite)
    high = max(bar.value + _spread(bar) for bar in finite)
    x_ticks = ticks(min(0.0, low), max(0.0, high) or (1.0 if low == 0 else 0.0), 4)
    left = 14 + LETTER * max(len(_shortened(bar.name)) for bar in bars)
    height = TOP + ROW * len(bars) + BOTTOM
    x_low, x_high = x_ticks[0], x_ticks[-1]

    def place(x: float) -> float:
        return left + (x - x_low) / (x_high - x_low) * (WIDTH - left - RIGHT)

    parts = []
    for x in x_ticks:
        at = place(x)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" '
                     f'y2="{height - BOTTOM}"/>')  # fmt: skip
        parts.append(f'<text class="tick" x="{at:.1f}" y="{height - BOTTOM + 16}" '
                     f'text-anchor="middle">{number(x)}</text>')  # fmt: skip
    parts.append(f'<text class="axis" x="{(left + WIDTH - RIGHT) / 2:.1f}" y="{height - 6}" '
                 f'text-anchor="middle">{escape(x_label)}</text>')  # fmt: skip
    for index, bar in enumerate(bars):
        middle = TOP + ROW * (index + 0.5)
        parts.append(f'<text class="name" x="{left - 8:.1f}" y="{middle + 4:.1f}" '
                     f'text-anchor="end">{escape(_shortened(bar.name))}</text>')  # fmt: skip
        if math.isfinite(bar.value):
            parts += _drawn(bar, index, middle, place)
    drawing = "\n".join(parts)
    return (
        f'<figure class="chart">\n<figcaption>{escape(title)}</figcaption>\n'
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">\n'
        f"{drawing}\n</svg>\n</figure>"
    )


def _drawn(bar: Bar, index: int, middle: float, place: Callable[[float], float]) -> list[str]:
    """A bar, its error bar, its value."""
    start, end, spread = place(0.0), place(bar.value), _spread(bar)
    parts = [
        f'<rect class="fill s{index % TONES}" x="{min(start, end):.1f}" y="{middle - 8:.1f}" '
        f'width="{abs(end - start):.1f}" height="16" rx="2"/>'
    ]
    if spread:
        low, high = place(bar.value - spread), place(bar.value + spread)
        parts.append(f'<path class="error" d="M{low:.1f} {middle:.1f}H{high:.1f}'
                     f"M{low:.1f} {middle - 5:.1f}v10M{high:.1f} {middle - 5:.1f}v10"
                     f'"/>')  # fmt: skip
    text = place(bar.value + spread) + 8
    parts.append(
        f'<text class="value" x="{text:.1f}" y="{middle + 4:.1f}">{number(bar.value, 3)}</text>'
    )
    return parts


def _spread(bar: Bar) -> float:
    return bar.spread if math.isfinite(bar.spread) else 0.0


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
