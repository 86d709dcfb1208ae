"""A sweep as a picture: time and extra memory against the number of pixels, both logarithmic.

    python -m benchmarks.plot docs/ops/results/encode_sweep.json docs/ops/encode_sweep.svg

In such a picture a power law is a straight line, and its exponent the slope; the legend has the
slope between the first and the last size of each form.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from contextseg.system.atomic_files import write_text

WIDTH, HEIGHT = 420, 300  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 62, 20, 30, 42  # margins in it
LINE = 18  # of the legend
COLOURS = ("#777777", "#d08000", "#0060c0", "#208040")
PANELS = {"ms": "time, ms", "memory_mib": "extra memory, MiB"}

Point = tuple[float, float]


def main() -> None:
    """Read results, write a picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="what --sweep --save of a benchmark wrote")
    parser.add_argument("picture", type=Path, help="the SVG to write")
    options = parser.parse_args()
    results = json.loads(options.results.read_text(encoding="utf-8"))
    write_text(options.picture, "\n".join(picture(results)) + "\n")


def picture(results: dict[str, Any]) -> Iterator[str]:
    """The lines of an SVG."""
    rows = results["rows"]
    names = list(dict.fromkeys(row["case"] for row in rows))
    width, height = WIDTH * len(PANELS), HEIGHT + LINE * len(names) + 8
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12">'
    )
    yield f'<rect width="{width}" height="{height}" fill="white"/>'
    for number, (field, label) in enumerate(PANELS.items()):
        curves = {
            name: [
                (float(row["group"].split()[-1]), row[field])
                for row in rows
                if row["case"] == name and row[field]
            ]
            for name in names
        }
        yield f'<g transform="translate({number * WIDTH} 0)">'
        yield from panel(f"{results['title']}: {label}", curves)
        yield "</g>"
    yield "</svg>"


def panel(title: str, curves: dict[str, list[Point]]) -> Iterator[str]:
    """Axes, a line for each form, and the legend below."""
    points = [point for curve in curves.values() for point in curve]
    sizes = sorted({n for n, _ in points})
    low = 10 ** math.floor(math.log10(min(value for _, value in points)))
    high = 10 ** math.ceil(math.log10(max(value for _, value in points)))

    def at(n: float, value: float) -> Point:
        x = math.log(n / sizes[0]) / math.log(sizes[-1] / sizes[0])
        y = math.log(value / low) / math.log(high / low)
        across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return LEFT + x * across, HEIGHT - BOTTOM - y * up

    yield text(LEFT, 18, title, "start", bold=True)
    power = low
    while power <= high:
        x, y = at(sizes[0], power)
        yield f'<path d="M{x:.1f} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>'
        yield text(x - 6, y + 4, f"{power:,g}", "end")
        power *= 10
    for n in sizes:
        x, y = at(n, low)
        yield f'<path d="M{x:.1f} {y:.1f}v5" stroke="black"/>'
        yield text(x, y + 18, f"{n:g}", "middle")
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "pixels N", "middle")
    for number, (name, curve) in enumerate(curves.items()):
        y, colour = HEIGHT + 14 + LINE * number, COLOURS[number % len(COLOURS)]
        if not curve:
            continue
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in curve))
        yield f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for x, y_point in (at(*point) for point in curve):
            yield f'<circle cx="{x:.1f}" cy="{y_point:.1f}" r="3" fill="{colour}"/>'
        yield f'<path d="M{LEFT} {y - 4}h24" stroke="{colour}" stroke-width="2"/>'
        yield text(LEFT + 32, y, f"{name}{growth(curve)}", "start")


def growth(curve: list[Point]) -> str:
    """The exponent of N between the ends of a curve, in words."""
    (first, low), (last, high) = curve[0], curve[-1]
    if first == last:
        return ""
    return f": grows as N^{math.log(high / low) / math.log(last / first):.2f}"


def text(x: float, y: float, words: str, anchor: str, bold: bool = False) -> str:
    """Words at a place."""
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'


if __name__ == "__main__":
    main()
