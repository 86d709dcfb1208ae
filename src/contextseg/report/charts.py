"""Line charts as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from contextseg.report.html import escape

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 14, 40
TONES = 8
"""Colours of lines and bars, `s0` to `s7` in the style sheet."""
MOST_POINTS = 240
"""Points a line is drawn with at most; more are averaged."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart."""

    name: str
    """What the legend calls it."""
    points: Sequence[tuple[float, float]]
    """Places (x, y) in the order of x; those that are not finite are left out."""


def line_chart(
    title: str, series: Sequence[Series], *, x_label: str, y_label: str = "", from_zero: bool = True
) -> str:
    """A chart with axes, ticks and a legend, as HTML; empty where no series has a finite point.

    Args:
        title: what the chart shows.
        series: lines, in the order of the legend.
        x_label: quantity along the bottom.
        y_label: quantity along the left side.
        from_zero: the y axis begins at 0 at the latest.
    """
    lines = [Series(one.name, thinned(_finite(one.points))) for one in series]
    lines = [line for line in lines if line.points]
    if not lines:
        return ""
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    x_ticks = ticks(min(xs), max(xs), 6)
    y_ticks = ticks(min(0.0, *ys) if from_zero else min(ys), max(ys), 5)
    x_low, x_high = min(xs), max(max(xs), min(xs) + 1e-9)
    y_low, y_high = y_ticks[0], y_ticks[-1]

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_low) / (x_high - x_low)
        up = (y - y_low) / (y_high - y_low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (
            HEIGHT - TOP - BOTTOM
        )

    parts = []
    for y in y_ticks:
        _, at = place(x_low, y)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" '
                     f'y2="{at:.1f}"/>')  # fmt: skip
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">'
                     f"{number(y)}</text>")  # fmt: skip
    for x in x_ticks:
        if not x_low <= x <= x_high:
            continue
        at, _ = place(x, y_low)
        parts.append(f'<text class="tick" x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" '
                     f'text-anchor="middle">{number(x)}</text>')  # fmt: skip
    parts.append(f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}" '
                 f'text-anchor="middle">{escape(x_label)}</text>')  # fmt: skip
    if y_label:
        parts.append(f'<text class="axis" transform="translate(12 {(TOP + HEIGHT - BOTTOM) / 2}) '
                     f'rotate(-90)" text-anchor="middle">{escape(y_label)}</text>')  # fmt: skip
    for index, line in enumerate(lines):
        places = [place(x, y) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="line s{index % TONES}" points="{path}"/>')
        x, y = places[-1]
        parts.append(f'<circle class="dot s{index % TONES}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
    legend = "".join(
        f'<li><i class="key s{index % TONES}"></i>{escape(line.name)} '
        f"<b>{number(line.points[-1][1], 3)}</b></li>"
        for index, line in enumerate(lines)
    )
    drawing = "\n".join(parts)
    return (
        f'<figure class="chart">\n<figcaption>{escape(title)}</figcaption>\n'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">\n'
        f'{drawing}\n</svg>\n<ul class="legend">{legend}</ul>\n</figure>'
    )


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers, about `count` of them, from at most `low` to at least `high`."""
    if high <= low:
        low, high = low - 0.5, low + 0.5
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most MOST_POINTS points: neighbours are averaged, the last one stays."""
    size = math.ceil(len(points) / MOST_POINTS)
    if size <= 1:
        return list(points)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    means = [tuple(sum(axis) / len(group) for axis in zip(*group, strict=True)) for group in groups]
    return [*[(x, y) for x, y in means[:-1]], points[-1]]


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def number(value: float, digits: int = 6) -> str:
    """A number without needless zeros: 0.30000000000000004 is 0.3."""
    return f"{value:.{digits}g}" if abs(value) < 1e5 else f"{value:.0f}"
