"""Line charts as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from contextseg.report.charts import TONES, Chart, tick_labels, ticks
from contextseg.report.formatting import aligned, number
from contextseg.report.rendering import render

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 14, 40
MOST_POINTS = 240
"""Maximum number of points per line; longer series are averaged."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart."""

    name: str
    """Its name in the legend."""
    points: Sequence[tuple[float, float]]
    """Points (x, y), ordered by x; those that are not finite are skipped."""


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str = "",
    from_zero: bool = True,
    places: int | None = None,
) -> Chart | None:
    """A chart with axes, ticks and a legend; None if no series has a finite point.

    If all points share one x, there is no drawing, only values in the legend.

    Args:
        title: what the chart shows.
        series: lines, in the order of the legend.
        x_label: label of the x axis.
        y_label: label of the y axis.
        from_zero: whether the y axis must include 0.
        places: decimals of the values in the legend; None chooses them.
    """
    lines = [Series(one.name, thinned(_finite(one.points))) for one in series]
    lines = [line for line in lines if line.points]
    if not lines:
        return None
    xs = [x for line in lines for x, _ in line.points]
    ends = aligned([y for line in lines for _, y in (line.points[0], line.points[-1])], places)
    legend = [(line.name, text) for line, text in zip(lines, ends[1::2], strict=True)]
    drawn = min(xs) < max(xs)
    if drawn:
        note = "last value:"
        where = f"{title} over {x_label} {number(min(xs))} to {number(max(xs))}"
        values = [
            f"{line.name} from {start} to {end}"
            for line, start, end in zip(lines, ends[::2], ends[1::2], strict=True)
        ]
    else:
        note = f"at {x_label} {number(xs[0])}:"
        where = f"{title} at {x_label} {number(xs[0])}"
        values = [f"{name} {value}" for name, value in legend]
    return Chart(
        title=title,
        description=f"{where}{f', {y_label}' if y_label else ''}: {'; '.join(values)}.",
        width=WIDTH,
        height=HEIGHT,
        drawing=_drawing(lines, x_label, y_label, from_zero) if drawn else Markup(),
        legend=legend,
        legend_note=note,
    )


def _drawing(lines: Sequence[Series], x_label: str, y_label: str, from_zero: bool) -> Markup:
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    x_ticks = [tick for tick in ticks(min(xs), max(xs), 6) if min(xs) <= tick <= max(xs)]
    y_ticks = ticks(min(0.0, *ys) if from_zero else min(ys), max(ys), 5)

    def across(x: float) -> float:
        return LEFT + (x - min(xs)) / (max(xs) - min(xs)) * (WIDTH - LEFT - RIGHT)

    def down(y: float) -> float:
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    return render(
        "lines.svg",
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=HEIGHT - BOTTOM,
        tones=TONES,
        x_ticks=list(zip(map(across, x_ticks), tick_labels(x_ticks), strict=True)),
        y_ticks=list(zip(map(down, y_ticks), tick_labels(y_ticks), strict=True)),
        x_label=x_label,
        y_label=y_label,
        lines=[[(across(x), down(y)) for x, y in line.points] for line in lines],
    )


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most MOST_POINTS points: neighbours are averaged, the last point is kept."""
    size = math.ceil(len(points) / MOST_POINTS)
    if size <= 1:
        return list(points)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    means = [tuple(sum(axis) / len(group) for axis in zip(*group, strict=True)) for group in groups]
    return [*[(x, y) for x, y in means[:-1]], points[-1]]


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
