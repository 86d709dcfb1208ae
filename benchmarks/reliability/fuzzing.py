"""Parsers on changed content: a value or the documented refusal, never anything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.reliability.fuzz import (
    format_targets,
    model_targets,
    picture_targets,
    run_targets,
    text_targets,
)
from benchmarks.reliability.fuzz.children import run_all
from benchmarks.reliability.fuzz.engine import Outcome, Target
from benchmarks.reliability.rows import Row

NAME = "fuzzing"
SHARE = 6.0
MAKERS: dict[str, Callable[[Path], list[Target]]] = {
    "text": text_targets.targets,
    "pictures": picture_targets.targets,
    "annotations": format_targets.targets,
    "models": model_targets.targets,
    "results": run_targets.targets,
}
"""Targets by area."""
WORKERS = 2


def run(budget_seconds: float, seed: int, work: Path) -> list[Row]:
    """Fuzz every parser for an equal part of the time; a row for each."""
    made = {area: make(_folder(work, area)) for area, make in MAKERS.items()}
    targets = [target for each in made.values() for target in each]
    outcomes = {o.name: o for o in run_all(targets, budget_seconds, seed, workers=WORKERS)}
    return [
        row_of(f"fuzzing: {area}", outcomes[target.name])
        for area, each in made.items()
        for target in each
    ]


def row_of(area: str, outcome: Outcome) -> Row:
    """What came of a target's cases, and which crashed first, to run it again."""
    speed = outcome.cases / outcome.seconds if outcome.seconds else 0.0
    share = outcome.values / outcome.cases if outcome.cases else 0.0
    detail = f"{speed:,.0f} a second; {share:.0%} gave a value; slowest {outcome.slowest:.2f} s"
    crashes = [
        f"{where} x {count}{_first(outcome, where)}" for where, count in outcome.crashes.items()
    ]
    failed = sum(outcome.crashes.values())
    return Row(
        area, outcome.name, outcome.cases, outcome.cases - failed, "; ".join([detail, *crashes])
    )


def total(rows: Sequence[Row]) -> int:
    """Cases of all parsers."""
    return sum(row.tried for row in rows)


def _first(outcome: Outcome, where: str) -> str:
    return f" (first in case {outcome.examples[where][0]})" if where in outcome.examples else ""


def _folder(work: Path, name: str) -> Path:
    folder = work / name
    folder.mkdir()
    return folder
