"""The results of a comparison as tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from contextseg.comparison.results import Comparison, Entry, deviation, mean
from contextseg.comparison.wording import WORDINGS, Wording
from contextseg.config.io import flattened
from contextseg.report.formatting import NOTHING, aligned, percent, points
from contextseg.report.published import PublishedResult, table_of
from contextseg.report.tables import Cell, Table


def score_table(comparison: Comparison) -> Table:
    """Mean and standard deviation of every score over the seeds, one row per model."""
    columns, wording = _score_columns(comparison), WORDINGS[comparison.task]
    places = wording.places
    means = {
        name: [mean(values(e)) for e in comparison.entries] for name, values in columns.items()
    }
    best = {name: _best(values, wording) for name, values in means.items()}
    rows: list[list[Cell | str]] = []
    for entry in comparison.entries:
        reason = failure(entry)
        if reason or all(run.status == "to do" for run in entry.runs):
            tone = "failed" if reason else ""
            rows.append([entry.name, Cell(reason or "not run", tone=tone, span=len(columns) + 1)])
            continue
        cells: list[Cell | str] = []
        for name, values in columns.items():
            found = values(entry)
            text, deviated = percent(mean(found), places), deviation(found)
            cell = Cell(
                text,
                spread="" if deviated is None else f"± {percent(deviated, places)}",
                best=text == best[name],
            )
            first = not cells and entry is not comparison.entries[0]
            if first:
                cell = _with_difference(cell, means[name][0], mean(found), wording)
            cells.append(cell)
        rows.append([entry.name, *cells, _seeds(entry)])
    return Table(["model", *columns, "seeds"], rows)


def _score_columns(comparison: Comparison) -> dict[str, Callable[[Entry], list[float]]]:
    """Values of a model by column heading, for the columns that any model has."""
    columns: dict[str, Callable[[Entry], list[float]]] = {
        f"{mean_name(comparison)}, %": lambda entry: main_values(comparison, entry)
    }
    columns |= {
        f"{name}, %": lambda entry, field=field: entry.values(field)
        for name, field in WORDINGS[comparison.task].values.items()
    }
    columns |= {
        f"{small_name(bound)}, %": lambda entry, index=index: entry.small_values(index)
        for index, bound in enumerate(comparison.settings["small"])
    }
    return {
        name: values
        for name, values in columns.items()
        if any(values(entry) for entry in comparison.entries)
    }


def main_values(comparison: Comparison, entry: Entry) -> list[float]:
    """The main result of each run, by which models are compared: of some classes, or of all."""
    over, wording = comparison.mean_over, WORDINGS[comparison.task]
    return entry.mean_values(over) if over else entry.values(wording.values[wording.main])


def cost_table(comparison: Comparison, training_speed: dict[str, float]) -> Table | None:
    """The cost of a prediction with each model; None if nothing was measured.

    Args:
        comparison: the results.
        training_speed: training speed in images per second, by model.
    """
    if not any(entry.cost for entry in comparison.entries):
        return None
    costs = [entry.cost for entry in comparison.entries]
    columns = {
        "parameters, M": _column([cost and cost.parameters / 1e6 for cost in costs], 2),
        "GMAC": _column([cost and cost.gmac for cost in costs], 2),
        "images/s": _column([cost and cost.images_per_s for cost in costs]),
        "peak memory, MiB": _column([cost and cost.memory_mib for cost in costs]),
        "training images/s": _column([training_speed.get(e.name) for e in comparison.entries]),
    }
    names = [entry.name for entry in comparison.entries]
    return Table(["model", *columns], list(zip(names, *columns.values(), strict=True)))


def class_table(comparison: Comparison) -> Table | None:
    """Mean result per class, with the difference to the first model; None without scores."""
    entries = [entry for entry in comparison.entries if any(run.scores for run in entry.runs)]
    if not entries or not comparison.classes:
        return None
    wording = WORDINGS[comparison.task]
    places = wording.places
    first, total = comparison.entries[0], max(1, sum(comparison.pixels))
    rows: list[list[Cell | str]] = []
    for label, name in enumerate(comparison.classes):
        means = [mean(entry.class_values(label)) for entry in entries]
        best, base = _best(means, wording), mean(first.class_values(label))
        row: list[Cell | str] = [name, percent(comparison.pixels[label] / total)]
        for entry, value in zip(entries, means, strict=True):
            cell = Cell(percent(value, places), best=percent(value, places) == best)
            if entry is not first:
                cell = _with_difference(cell, base, value, wording)
            row.append(cell)
        rows.append(row)
    return Table(["class", f"{wording.counted}, %", *(entry.name for entry in entries)], rows)


def option_table(comparison: Comparison) -> Table | None:
    """The options in which the models differ; None if they share all."""
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
    """Name of the main result, by which models are compared."""
    count = len(comparison.mean_over)
    return f"mean IoU of {count} classes" if count else WORDINGS[comparison.task].main


def run_table(comparison: Comparison) -> Table | None:
    """Where each run comes from; None if this was not recorded."""
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


def published_table(comparison: Comparison, name: str = "published") -> Table | None:
    """The published results that the setting `name` holds; None if there are none."""
    rows = [PublishedResult(**row) for row in comparison.settings.get(name, ())]
    return table_of(rows) if rows else None


def minutes(seconds: float) -> str:
    """Minutes, with a decimal if there are few."""
    return f"{seconds / 60:.0f}" if seconds >= 600 else f"{seconds / 60:.1f}"


def small_name(bound: int) -> str:
    """Name of the IoU of objects below a number of pixels."""
    side = math.isqrt(bound)
    return f"IoU below {side}² px" if side * side == bound else f"IoU below {bound} px"


def failure(entry: Entry) -> str:
    """Why a model has no scores; empty if it has some or is pending."""
    reasons = [run.reason for run in entry.runs if run.status == "failed"]
    if not reasons or any(run.status == "done" for run in entry.runs):
        return ""
    return f"failed: {'; '.join(dict.fromkeys(reasons))}"


def _with_difference(cell: Cell, base: float | None, value: float | None, wording: Wording) -> Cell:
    """The cell with its difference to `base` in percentage points, if there is one."""
    if base is None or value is None or value == base:
        return cell
    note = points(100 * (value - base), wording.places)
    up, down = ("worse", "better") if wording.lower_is_better else ("better", "worse")
    return replace(cell, note=note, tone={"+": up, "−": down}.get(note[0], ""))


def _best(means: Sequence[float | None], wording: Wording) -> str | None:
    """The best mean as displayed; None if all look alike."""
    known = [value for value in means if value is not None]
    if len({percent(value, wording.places) for value in known}) < 2:
        return None
    return percent(min(known) if wording.lower_is_better else max(known), wording.places)


def _column(values: Sequence[float | None], places: int | None = None) -> list[str]:
    """Aligned numbers, with a dash for missing ones."""
    texts = iter(aligned([value for value in values if value is not None], places))
    return [NOTHING if value is None else next(texts) for value in values]


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
