"""Small line charts for notebooks, in colours that are visible on white and on black."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from contextseg.display.html import text

TONES = ("#3f8fd2", "#d9822b", "#3aa06a", "#a567c9", "#cf4f7b", "#8593a3")
"""Colours of lines, in order."""
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 340, 150, 44, 18, 8
MOST_POINTS = 200
"""Maximum number of points per line; of longer series, evenly spaced ones are drawn."""

Points = Sequence[tuple[float, float]]


def curves(title: str, lines: Mapping[str, Points], *, x_label: str, places: int) -> Markup:
    """A chart with a legend that gives the last values; nothing if no value is finite.

    Args:
        title: what it shows.
        lines: points (x, y) by name, ordered by x; those that are not finite are left out.
        x_label: what x counts.
        places: decimals of the values.
    """
    drawn = {name: _thinned(points) for name, points in lines.items()}
    drawn = {name: points for name, points in drawn.items() if points}
    if not drawn:
        return Markup()
    xs = [x for points in drawn.values() for x, _ in points]
    ys = [y for points in drawn.values() for _, y in points]
    low, high = min(0.0, *ys), max(ys)
    legend = Markup("").join(
        Markup('<span><i class="cs-swatch" style="background:{}"></i>{} <b>{}</b></span>').format(
            tone, text(name), f"{points[-1][1]:.{places}f}"
        )
        for tone, (name, points) in zip(TONES, drawn.items(), strict=False)
    )
    chart = Markup()
    if min(xs) < max(xs) and low < high:

        def place(x: float, y: float) -> str:
            across = LEFT + (x - min(xs)) / (max(xs) - min(xs)) * (WIDTH - LEFT - 6)
            down = HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - BOTTOM - TOP)
            return f"{across:.1f},{down:.1f}"

        paths = Markup("").join(
            Markup('<polyline fill="none" stroke="{}" stroke-width="2" points="{}"/>').format(
                tone, " ".join(place(x, y) for x, y in points)
            )
            for tone, points in zip(TONES, drawn.values(), strict=False)
        )
        axes = _axes((low, high), (min(xs), max(xs)), x_label, places)
        chart = Markup(
            '<svg viewBox="0 0 {} {}" width="{}" role="img" aria-label="{}" '
            'fill="currentColor" font-size="11">{}{}</svg>'
        ).format(WIDTH, HEIGHT, WIDTH, text(title), axes, paths)
    return Markup(
        '<div style="max-width:{}px"><b>{}</b><div>{}</div><div class="cs-row">{}</div></div>'
    ).format(WIDTH, text(title), chart, legend)


def _axes(ys: tuple[float, float], xs: tuple[float, float], x_label: str, places: int) -> Markup:
    parts = []
    for y, down in ((ys[0], HEIGHT - BOTTOM), (ys[1], TOP)):
        parts.append(
            Markup(
                '<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="currentColor" opacity=".3"/>'
                '<text x="{}" y="{}" text-anchor="end" opacity=".72">{}</text>'
            ).format(LEFT, WIDTH - 6, down, down, LEFT - 5, down + 4, f"{y:.{places}f}")
        )
    for x, across, anchor in ((xs[0], LEFT, "start"), (xs[1], WIDTH - 6, "end")):
        label = f"{x_label} {x:g}" if anchor == "end" else f"{x:g}"
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="{}" opacity=".72">{}</text>').format(
                across, HEIGHT - 4, anchor, text(label)
            )
        )
    return Markup("").join(parts)


def _thinned(points: Points) -> list[tuple[float, float]]:
    finite = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    step = math.ceil(len(finite) / MOST_POINTS)
    return finite if step <= 1 else [*finite[:-1:step], finite[-1]]
