"""Cases on trained models and data that are made once, in a process that is fit to be forked."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.reliability.cases import Case, apart, run_cases
from benchmarks.reliability.children import done, warm
from benchmarks.reliability.material import Material
from benchmarks.reliability.rows import Row
from tests.inference.batch.batches import fork_workers

Cases = Callable[[Material, int, Path], list[Case]]
"""Takes the material, a seed and a folder."""


def run_on_material(cases: Cases, seconds: float, seed: int, work: Path) -> list[Row]:
    """Make the material, and run what `cases` lists, in `seconds` altogether."""
    return apart(_tried, cases, seconds, seed, work, save=work / "rows")


def _tried(cases: Cases, seconds: float, seed: int, root: Path) -> list[Row]:
    end = time.monotonic() + seconds
    warm()
    fork_workers()
    done(Material(root).make)
    return run_cases(cases(Material(root), seed, root), end - time.monotonic())
