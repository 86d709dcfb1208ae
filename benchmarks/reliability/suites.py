"""The suites, in the order in which they run, and one run of some of them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from benchmarks.measuring import environment
from benchmarks.reliability import (
    endurance,
    fuzzing,
    hostile,
    kills,
    machine,
    numbers,
    planted,
    signals,
)
from benchmarks.reliability.rows import Row


class Suite(Protocol):
    """A module that tries things.

    It may have `SHARE: float`, the part of the time it gets: 1 if it does not say.
    """

    @property
    def NAME(self) -> str:  # noqa: N802
        """What `--only` calls it."""
        ...

    def run(self, budget_seconds: float, seed: int, work: Path) -> list[Row]:
        """Try as much as fits into so many seconds, in an empty folder."""
        ...


SUITES: tuple[Suite, ...] = (
    kills, signals, machine, planted, hostile, numbers, fuzzing, endurance
)  # fmt: skip
"""Modules."""


def run_suites(suites: Sequence[Suite], seconds: float, seed: int) -> dict[str, dict[str, Any]]:
    """Run suites one after another; what one leaves of its time goes to those after it.

    Returns:
        By name: seed, budget and time taken in seconds, machine, first line of the module, rows.
    """
    end, results = time.monotonic() + seconds, {}
    shares = [getattr(suite, "SHARE", 1.0) for suite in suites]
    for number, suite in enumerate(suites):
        budget = max(0.0, end - time.monotonic()) * shares[number] / sum(shares[number:])
        print(f"{suite.NAME}: seed {seed}, {budget:.0f} s", flush=True)
        begin = time.monotonic()
        where = environment("cpu")
        with tempfile.TemporaryDirectory(prefix="reliability-") as work:
            rows = attempt(suite, budget, seed, Path(work))
        results[suite.NAME] = {
            "about": (suite.__doc__ or "").partition("\n")[0],
            "seed": seed,
            "budget_s": round(budget),
            "seconds": round(time.monotonic() - begin),
            "where": where,
            "rows": [asdict(row) for row in rows],
        }
    return results


def attempt(suite: Suite, budget: float, seed: int, work: Path) -> list[Row]:
    """The rows of a suite. One that fails itself is a failed row: the others still run."""
    try:
        return suite.run(budget, seed, work)
    except Exception as error:
        return [Row(suite.NAME, "the suite itself", 1, 0, f"{type(error).__name__}: {error}")]


def failures(results: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with trials that did not pass."""
    rows = (row for suite in results.values() for row in suite["rows"])
    return [row for row in rows if row["passed"] < row["tried"]]
