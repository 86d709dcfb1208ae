"""A sweep as a picture: time and extra memory against the number of pixels, both logarithmic.

    python -m benchmarks.plot docs/ops/results/encode_sweep.json docs/ops/encode_sweep.svg

In such a picture a power law is a straight line, and its exponent the slope; the legend has the
slope between the first and the last size of each form.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter

from contextseg.system.atomic_files import atomic_path

COLOURS = ("#777777", "#d08000", "#0060c0", "#208040")
PANELS = {"ms": "time, ms", "memory_mib": "extra memory, MiB"}
STYLE = {
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.prop_cycle": mpl.cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.color": "#dddddd",
    "legend.frameon": False,
    "lines.marker": "o",
    "lines.markersize": 5,
    # Text stays text, and the same numbers give the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "contextseg",
    "font.family": "sans-serif",
}

Point = tuple[float, float]


def main() -> None:
    """Read results, write a picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="what --sweep --save of a benchmark wrote")
    parser.add_argument("picture", type=Path, help="the SVG to write")
    options = parser.parse_args()
    write_sweep(json.loads(options.results.read_text(encoding="utf-8")), options.picture)


def write_sweep(results: dict[str, Any], path: Path) -> None:
    """Write the picture of a sweep as SVG, whole or not at all."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 4.4), layout="constrained")
        for axes, (field, label) in zip(figure.subplots(1, 2), PANELS.items(), strict=True):
            curves = curves_of(results, field)
            sizes = sorted({n for curve in curves.values() for n, _ in curve})
            axes.set(xscale="log", yscale="log", xlabel="pixels N")
            axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
            axes.xaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
            title = f"{results['title']}: {label}"
            named = {name + growth(curve): curve for name, curve in curves.items()}
            draw(axes, title, named, group=field)
        save(figure, path)


def curves_of(results: dict[str, Any], field: str) -> dict[str, list[Point]]:
    """Pixels and what was measured of each form, those that were measured."""
    curves: dict[str, list[Point]] = {}
    for row in results["rows"]:
        if row[field]:
            size = float(row["group"].split()[-1])
            curves.setdefault(row["case"], []).append((size, row[field]))
    return curves


def growth(curve: list[Point]) -> str:
    """The exponent of N between the ends of a curve, in words."""
    (first, low), (last, high) = curve[0], curve[-1]
    if first == last:
        return ""
    return f": grows as N^{math.log(high / low) / math.log(last / first):.2f}"


def draw(axes: Axes, title: str, curves: dict[str, list[Point]], group: str) -> None:
    """A line for each name, and the legend below; line i has the id `group-i` in the file."""
    axes.set_title(title, loc="left", weight="bold", size="medium")
    for number, (name, curve) in enumerate(curves.items()):
        (line,) = axes.plot(*zip(*curve, strict=True), label=name)
        line.set_gid(f"{group}-{number}")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.14), borderaxespad=0)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, whole or not at all."""
    with atomic_path(path) as partial:
        figure.savefig(partial, format="svg", facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    main()
