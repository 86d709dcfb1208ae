"""What a network's proposal saves a person who labels images: clicks, by a simulated person.

    python -m benchmarks.annotation MODEL DATA [--split val] [--limit N] [--save PATH]

Each image (with --limit, so many at equal distances) is labelled from five starts, until so many
of its pixels are right:

    nothing          no proposal; the brush alone
    nothing, fitted  no proposal; each stamp as large as the region that it fills allows
    proposal         the network's labels, then the brush
    class list       the network's labels among the classes that are in the image, then the brush
    one tick         the proposal without the wrong class that has the most pixels, then the brush
    ticks and brush  at each click whichever promises more: a wrong class off, or a stamp

`simulated_person` says what a stamp is and where it goes. Every tick and every stamp is a click;
the class list is given. Prints a table in Markdown; --save also writes PATH.json and a chart,
PATH.svg.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import contextseg
from benchmarks.measuring import environment
from benchmarks.simulated_person import (
    IGNORED,
    RADIUS,
    Canvas,
    with_both,
    with_brush,
    with_ticks,
)
from contextseg.data import open_dataset
from contextseg.data.sample import Dataset
from contextseg.inference.inspection import Inspection
from contextseg.inference.predictor import Predictor
from contextseg.report.lines import Series, line_chart
from contextseg.system.atomic_files import write_text
from contextseg.system.progress import track

WANTED = (0.90, 0.93, 0.95, 0.97)
"""Pixel accuracies of an image to reach."""
SHOWN = 60
"""Clicks that the chart shows."""


@dataclass(frozen=True, slots=True)
class Labelling:
    """How the labelling of an image went."""

    start: float
    """Pixel accuracy before the first stamp, 0 to 1."""
    curve: list[float]
    """Pixel accuracy after 0, 1, 2, ... clicks, until it is enough."""


def main() -> None:
    """Simulate, print, and write what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="run folder or model file")
    parser.add_argument("data", help="folder of the data set")
    parser.add_argument("--split", default="val", help="its part to label")
    parser.add_argument("--limit", type=int, help="take only so many images")
    parser.add_argument("--save", help="path of the results, without an ending")
    options = parser.parse_args()
    predictor = contextseg.load(options.model, device="cpu", precision="32")
    data = open_dataset(options.data, options.split)
    if data.classes.names != predictor.classes.names:
        parser.error("the data set has other classes than the model.")
    curves = curves_of(predictor, data, chosen(len(data), options.limit))
    found = summary(curves)
    print(table(found))
    if options.save:
        command = f"python -m benchmarks.annotation {shlex.join(sys.argv[1:])}"
        title = f"Pixel accuracy by clicks, {Path(options.data).name} {options.split}"
        content = {"title": title, "command": command, "radius": RADIUS, **found}
        content |= environment("cpu")
        write_text(f"{options.save}.json", json.dumps(content, indent=1) + "\n")
        write_text(f"{options.save}.svg", chart(title, found["means"]))


def chosen(total: int, limit: int | None) -> list[int]:
    """Places of the images to label, at equal distances."""
    return np.unique(np.linspace(0, total - 1, min(total, limit or total)).astype(int)).tolist()


def curves_of(
    predictor: Predictor, data: Dataset, places: Sequence[int]
) -> dict[str, list[Labelling]]:
    """For each way to label, how it went on each image."""
    curves: dict[str, list[Labelling]] = {}
    with track("labelling", "images") as task:
        for done, place in enumerate(places):
            task(done, len(places))
            sample = data[place]
            if (sample.labels != IGNORED).any():
                found = predictor.inspect(sample.image)
                for way, labelling in ways(found, sample.labels, max(WANTED)).items():
                    curves.setdefault(way, []).append(labelling)
    return curves


def ways(found: Inspection, truth: np.ndarray, enough: float) -> dict[str, Labelling]:
    """How each way to label one image goes."""
    proposal, blank = found.labels(), np.full_like(truth, IGNORED)
    every = len(found.coarse_logits)
    list_of = np.unique(truth[truth != IGNORED]).tolist()
    ticked = Canvas(truth, proposal)
    before = ticked.accuracy
    clicks, _ = with_ticks(ticked, found.labels, every, 1)
    after_tick = with_brush(ticked, enough)
    from_start = {
        "nothing": with_brush(Canvas(truth, blank), enough),
        "nothing, fitted": with_brush(Canvas(truth, blank), enough, fitted=True),
        "proposal": with_brush(Canvas(truth, proposal), enough),
        "class list": with_brush(Canvas(truth, found.labels(list_of)), enough),
    }
    return {
        **{way: Labelling(curve[0], curve) for way, curve in from_start.items()},
        "one tick": Labelling(after_tick[0], [before] * clicks + after_tick),
        "ticks and brush": Labelling(
            before, with_both(Canvas(truth, proposal), found.labels, every, enough)
        ),
    }


def summary(labelled: dict[str, list[Labelling]]) -> dict[str, Any]:
    """Clicks to reach each accuracy, and the mean accuracy after so many clicks."""
    rows = []
    curves = {way: [each.curve for each in every] for way, every in labelled.items()}
    for way, every in curves.items():
        row: dict[str, Any] = {"way": way, "images": len(every)}
        row["start"] = round(float(np.mean([each.start for each in labelled[way]])), 4)
        for wanted in WANTED:
            clicks = [clicks_to(curve, wanted) for curve in every]
            row[f"{wanted:.2f}"] = {
                "mean": round(float(np.mean(clicks)), 1),
                "median": float(np.median(clicks)),
                "at_once": sum(number == 0 for number in clicks),
            }
        rows.append(row)
    means = {
        way: [round(float(np.mean([curve[min(n, len(curve) - 1)] for curve in every])), 5)
              for n in range(SHOWN + 1)]
        for way, every in curves.items()
    }  # fmt: skip
    return {"rows": rows, "means": means}


def clicks_to(curve: Sequence[float], wanted: float) -> int:
    """Clicks after which a curve is at least at `wanted`; all of them if it never is."""
    return next((n for n, value in enumerate(curve) if value >= wanted), len(curve))


def table(found: dict[str, Any]) -> str:
    """The rows in Markdown: mean clicks, and the median in brackets."""
    heads = [f"{100 * wanted:.0f} %" for wanted in WANTED]
    lines = [
        f"| start | pixel accuracy before the brush | clicks to {' | '.join(heads)} |",
        "|---" * (len(heads) + 2) + "|",
    ]
    for row in found["rows"]:
        cells = [row[f"{wanted:.2f}"] for wanted in WANTED]
        clicks = " | ".join(f"{cell['mean']:.1f} ({cell['median']:g})" for cell in cells)
        lines.append(f"| {row['way']} | {100 * row['start']:.1f} % | {clicks} |")
    return "\n".join(lines)


def chart(title: str, means: dict[str, list[float]]) -> str:
    """Accuracy over clicks as SVG; what starts from nothing is left out, far below the others."""
    series = [
        Series(way, [(float(n), 100 * value) for n, value in enumerate(values)])
        for way, values in means.items()
        if not way.startswith("nothing")
    ]
    drawn = line_chart(title, series, x_label="clicks", y_label="%", from_zero=False, places=1)
    assert drawn is not None
    return drawn.figure()


if __name__ == "__main__":
    main()
