"""Ratios that benchmarks are expected to reach on a kind of machine, and which of them fell."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEAST_MARGIN = 0.1
"""Share by which a ratio may be lower, however little it varied when it was recorded."""
TIMES_NOISE = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """How many times as fast as its baseline a form was, on one kind of machine."""

    ratio: float
    """Median over runs."""
    noise: float
    """Half the range of the runs, as a share of the ratio."""

    @property
    def least(self) -> float:
        """The lowest ratio that is no loss."""
        return self.ratio * (1 - min(0.9, max(LEAST_MARGIN, TIMES_NOISE * self.noise)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Measured ratios against expected ones, by work."""

    fell: tuple[str, ...]
    """Lower than the noise explains."""
    held: tuple[str, ...]
    """At least what is expected."""
    unknown: tuple[str, ...]
    """Measured, and nothing is expected."""
    missing: tuple[str, ...]
    """Expected, and not measured."""


def expectation(runs: Sequence[float]) -> Expectation:
    """What to expect after ratios from several runs, at least two."""
    if len(runs) < 2:
        raise ValueError(f"noise needs at least two runs, got {len(runs)}.")
    ratio = statistics.median(runs)
    return Expectation(ratio=ratio, noise=(max(runs) - min(runs)) / 2 / ratio)


def compare(measured: Mapping[str, float], expected: Mapping[str, Expectation]) -> Comparison:
    """Sort works by whether they reached what is expected of them."""
    known = [work for work in measured if work in expected]
    return Comparison(
        fell=tuple(work for work in known if not measured[work] >= expected[work].least),
        held=tuple(work for work in known if measured[work] >= expected[work].least),
        unknown=tuple(work for work in measured if work not in expected),
        missing=tuple(work for work in expected if work not in measured),
    )


def of_machine(content: Mapping[str, Any], machine: str) -> dict[str, Expectation]:
    """The expectations of a machine in a file's content; none if it was never measured."""
    works = content.get(machine, {}).get("works", {})
    return {work: Expectation(**values) for work, values in works.items()}
