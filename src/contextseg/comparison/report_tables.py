"""The figures of a comparison as tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from contextseg.comparison.results import Comparison, Entry, deviation, mean
from contextseg.config.io import flattened
from contextseg.report.formatting import MEANS, percent
from contextseg.report.tables import Cell, Table

NOTHING = "–"
VALUES = {
    "segmentation": MEANS,
    "classification": {"error": "error", "error of original images": "error_exact"},
}
"""What is said of all classes together by task: words for people, name in `RunScores.values`."""
BY_CLASS = {"segmentation": "IoU", "classification": "error"}
"""What is said of each class."""
DIGITS = {"segmentation": 1, "classification": 2}
"""Decimals of a percentage."""
SCORED = {"segmentation": "pixels", "classification": "images"}
PERCENT = 100.0


def score_table(comparison: Comparison) -> Table:
    """Mean and standard deviation over the seeds of every score, a row a model."""
    columns: dict[str, Callable[[Entry], list[float]]] = {}
    if comparison.mean_over:
        columns[f"{mean_name(comparison)}, %"] = lambda entry: entry.mean_values(
            comparison.mean_over
        )
    columns |= {
        f"{name}, %": lambda entry, figure=figure: entry.values(figure)
        for name, figure in VALUES[comparison.task].items()
    }
    columns |= {
        f"{small_name(bound)}, %": lambda entry, index=index: entry.small_values(index)
        for index, bound in enumerate(comparison.settings["small"])
    }
    columns = {
        name: values
        for name, values in columns.items()
        if any(values(entry) for entry in comparison.entries)
    }
    best = {name: _best(comparison, values) for name, values in columns.items()}
    rows: list[list[Cell | str]] = []
    for entry in comparison.entries:
        reason = failure(entry)
        if reason:
            rows.append([entry.name, Cell(reason, tone="failed", span=len(columns) + 1)])
            continue
        if all(run.status == "to do" for run in entry.runs):
            rows.append([entry.name, Cell("not run", span=len(columns) + 1)])
            continue
        rows.append([entry.name])
        for number, (name, values) in enumerate(columns.items()):
            text = spread(values(entry), DIGITS[comparison.task])
            first = values(comparison.entries[0])
            cell = Cell(text, best=text != NOTHING and mean(values(entry)) == best[name])
            rows[-1].append(
                _with_difference(comparison, cell, values(entry), first) if not number else cell
            )
        rows[-1].append(_seeds(entry))
    return Table(["model", *columns, "seeds"], rows)


def cost_table(comparison: Comparison, training_speed: dict[str, float]) -> Table | None:
    """What a prediction of each model takes; None where nothing was measured.

    Args:
        comparison: the figures.
        training_speed: images a second in training, by model.
    """
    if not any(entry.cost for entry in comparison.entries):
        return None
    rows = []
    for entry in comparison.entries:
        cost = entry.cost
        trained = training_speed.get(entry.name)
        rows.append(
            [
                entry.name,
                NOTHING if cost is None else f"{cost.parameters / 1e6:.2f}",
                NOTHING if cost is None else f"{cost.gmac:.2f}",
                NOTHING if cost is None else f"{cost.images_per_s:.3g}",
                NOTHING if cost is None or cost.memory_mib is None else f"{cost.memory_mib:.3g}",
                NOTHING if trained is None else f"{trained:.3g}",
            ]
        )
    columns = ("model", "parameters, M", "GMAC", "images/s", "peak memory, MiB")
    return Table([*columns, "training images/s"], rows)


def class_table(comparison: Comparison) -> Table | None:
    """Mean IoU of each class, with the difference to the first model; None without scores."""
    entries = [entry for entry in comparison.entries if any(r.scores for r in entry.runs)]
    if not entries or not comparison.classes:
        return None
    first, total = comparison.entries[0], max(1, sum(comparison.pixels))
    rows: list[list[Cell | str]] = []
    for label, name in enumerate(comparison.classes):
        row: list[Cell | str] = [name, percent(comparison.pixels[label] / total)]
        means = [mean(entry.class_values(label)) for entry in entries]
        top = _best_of(means, comparison)
        for entry, value in zip(entries, means, strict=True):
            cell = Cell(percent(value), best=value is not None and value == top)
            if entry is not first:
                cell = _with_difference(
                    comparison, cell, entry.class_values(label), first.class_values(label)
                )
            row.append(cell)
        rows.append(row)
    return Table(
        ["class", f"{SCORED[comparison.task]}, %", *(entry.name for entry in entries)], rows
    )


def option_table(comparison: Comparison) -> Table | None:
    """The options in which the models differ; None where they have all in common."""
    flat = [flattened(entry.config) for entry in comparison.entries]
    names = list(dict.fromkeys(name for options in flat for name in options))
    differing = [
        name for name in names if any(o.get(name, ...) != flat[0].get(name, ...) for o in flat)
    ]
    if not differing:
        return None
    rows = [[name, *(_option(options.get(name, ...)) for options in flat)] for name in differing]
    return Table(["option", *(entry.name for entry in comparison.entries)], rows)


def mean_name(comparison: Comparison) -> str:
    """What the score that models are compared by is called."""
    count = len(comparison.mean_over)
    return f"mean IoU of {count} classes" if count else next(iter(VALUES[comparison.task]))


def run_table(comparison: Comparison) -> Table | None:
    """Where each run comes from; None where that was not recorded."""
    rows: list[list[Cell | str]] = []
    for entry in comparison.entries:
        for run in entry.runs:
            if not run.sessions:
                continue
            seconds = [session["seconds"] for session in run.sessions]
            known = [value for value in seconds if value is not None]
            more = "more than " * (len(known) < len(seconds))
            where = run.sessions[-1]["machine"]
            rows.append(
                [
                    entry.name,
                    str(run.seed),
                    run.log,
                    ", ".join(dict.fromkeys(s["commit"] or NOTHING for s in run.sessions)),
                    run.sessions[0]["started"][:10],
                    f"{more}{minutes(sum(known))}",
                    f"{where['device']}, {where['threads']} threads, torch {where['torch']}",
                ]
            )
    heads = ["model", "seed", "log", "commit", "date", "minutes", "machine"]
    return Table(heads, rows) if rows else None


def published_table(comparison: Comparison) -> Table | None:
    """Published results on the same data; None where there are none."""
    rows = [
        [row["name"], f"{row['error']:.2f}", row["parameters"] or NOTHING]
        for row in comparison.settings.get("published", ())
    ]
    return Table(("network", "error, %", "parameters"), rows) if rows else None


def minutes(seconds: float) -> str:
    """Minutes, with a decimal where they are few."""
    return f"{seconds / 60:.0f}" if seconds >= 600 else f"{seconds / 60:.1f}"


def small_name(bound: int) -> str:
    """What the IoU of objects below a number of pixels is called."""
    side = math.isqrt(bound)
    return f"IoU below {side}² px" if side * side == bound else f"IoU below {bound} px"


def failure(entry: Entry) -> str:
    """Why a model has no scores, or nothing if it has some or is to do."""
    reasons = [run.reason for run in entry.runs if run.status == "failed"]
    if not reasons or any(run.status == "done" for run in entry.runs):
        return ""
    return f"failed: {'; '.join(dict.fromkeys(reasons))}"


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Mean, and standard deviation where there are several values, in percent."""
    deviated = deviation(values)
    text = percent(mean(values), digits)
    return text if deviated is None else f"{text} ± {percent(deviated, digits)}"


def _with_difference(
    comparison: Comparison, cell: Cell, values: Sequence[float], others: Sequence[float]
) -> Cell:
    """The cell with the difference of two means, in points of a percent, where there is one."""
    one, other = mean(values), mean(others)
    if one is None or other is None or values is others or one == other:
        return cell
    points = PERCENT * (one - other)
    better = points < 0 if comparison.task == "classification" else points > 0
    tone = "" if abs(points) < 0.05 else ("better" if better else "worse")
    return Cell(cell.text, note=f"{points:+.1f}".replace("-", "−"), tone=tone, best=cell.best)


def _best(comparison: Comparison, values: Callable[[Entry], list[float]]) -> float | None:
    """The best mean of all models; None where all have the same."""
    return _best_of([mean(values(entry)) for entry in comparison.entries], comparison)


def _best_of(means: Sequence[float | None], comparison: Comparison) -> float | None:
    """The lowest error, or the highest of any other score; None where all are the same."""
    known = {value for value in means if value is not None}
    best = min if comparison.task == "classification" else max
    return best(known) if len(known) > 1 else None


def _seeds(entry: Entry) -> str:
    done = sum(run.status == "done" for run in entry.runs)
    return f"{done}" if done == len(entry.runs) else f"{done} of {len(entry.runs)}"


def _option(value: Any) -> str:
    if value is ...:
        return NOTHING
    if isinstance(value, list):
        return " × ".join(map(str, value))
    if value is None or value == "":
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
