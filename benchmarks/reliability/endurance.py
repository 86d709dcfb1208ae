"""Long work in one process: memory, file handles, threads and temporary files stay as they are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability import cycles, long_work
from benchmarks.reliability.cases import Case, apart, run_cases
from benchmarks.reliability.children import child, done, finished, warm
from benchmarks.reliability.material import Material
from benchmarks.reliability.rows import Row, Tally

NAME = "endurance"
SHARE = 6.0
IMAGES, PREDICTIONS = 10_000, 2_000
ALLOWED = 10.0
"""MiB that memory may grow in a case from its first quarter to its end, by a straight line."""
PER_CYCLE = 0.5
"""MiB that memory may grow with each cycle of trainings, predictions and pages."""
FEWEST = 8
"""Samples of memory, or cycles, that say something."""
THREADS = 8


def run(budget_seconds: float, seed: int, work: Path) -> list[Row]:
    """Long predictions, evaluations, many threads, many cycles."""
    return apart(tried, budget_seconds, seed, work, save=work / "rows")


def tried(seconds: float, seed: int, root: Path) -> list[Row]:
    """The suite, in a process that is fit to be forked."""
    end = time.monotonic() + seconds
    warm()
    material = Material(root)
    done(material.make)
    return run_cases(cases(material, seed), end - time.monotonic())


def cases(material: Material, seed: int) -> list[Case]:
    """One process each."""

    def flat(work: Callable[..., dict[str, Any]], most: int) -> Callable[[Tally, float], str]:
        return partial(stays_flat, work, material, most)

    return [
        Case("one process", "images segmented by `predict_files`",
             flat(long_work.predict_images, IMAGES), 2.0),
        Case("one process", "images scored by `evaluate`",
             flat(long_work.evaluate_images, IMAGES), 2.0),
        Case("one process", "predictions of one `Predictor`, sizes drawn at random",
             flat(partial(long_work.predictions, seed), PREDICTIONS)),
        Case("one process", f"predictions of one `Predictor` by {THREADS} threads at once",
             partial(threads_agree, material)),
        Case("one process, again and again",
             "train, stop, resume, predict, serve a page and save on it",
             partial(cycles_stay_flat, material), 5.0),
    ]  # fmt: skip


def measured(work: Callable[..., dict[str, Any]], until: float, *arguments: Any) -> dict[str, Any]:
    """What a function of `long_work` measures in a process of its own."""
    seconds = max(5.0, until - time.monotonic())
    code, said = finished(child(_printing, work, (*arguments, seconds), limit=2 * seconds + 300))
    if code != 0:
        raise RuntimeError(f"ended with {code}: {said[-600:]}")
    return json.loads(said.splitlines()[-1])


def _printing(work: Callable[..., dict[str, Any]], arguments: tuple[Any, ...]) -> None:
    print(json.dumps(work(*arguments)), flush=True)


def stays_flat(
    work: Callable[..., dict[str, Any]], material: Material, most: int, tally: Tally, until: float
) -> str:
    """Images through one process: each one that was done has passed if memory stays flat."""
    found = measured(work, until, material, most)
    grown = growth(found["memory"])
    with tally.trial(count=found["done"]):
        require_flat(found, grown, ALLOWED)
    speed, most = found["done"] / found["seconds"], max(found["memory"], default=0.0)
    judged = f"{grown:+.1f} MiB of it since the first quarter ({ALLOWED:.0f} MiB are allowed)"
    if len(found["memory"]) < FEWEST:
        judged = "too few samples to judge memory"
    return f"{speed:.0f} images/s, {most:.0f} MiB, {judged}"


def threads_agree(material: Material, tally: Tally, until: float) -> str:
    """Threads that share a predictor get what one thread gets, to the last bit."""
    found = measured(long_work.threads, until, material, THREADS)
    with tally.trial(count=found["done"]):
        assert found["different"] == 0, f"{found['different']} differ from those of one thread"
        require_flat(found, 0.0, 0.0)
    return "labels and probabilities equal those of one thread, to the last bit"


def cycles_stay_flat(material: Material, tally: Tally, until: float) -> str:
    """Cycles of everything, as a server or a notebook lives for days."""
    found = measured(cycles.cycles, until, material)
    number = found["done"]
    grown = growth(found["memory"]) / max(1, 0.75 * number)
    with tally.trial(count=number):
        require_flat(found, grown if number >= FEWEST else 0.0, PER_CYCLE)
    judged = f"{grown:+.2f} MiB a cycle"
    if number < FEWEST:
        judged = "too few cycles to judge memory"
    return (
        f"{found['seconds']:.0f} s, {max(found['memory']):.0f} MiB, {judged} ({PER_CYCLE} allowed)"
    )


def require_flat(found: dict[str, Any], grown: float, allowed: float) -> None:
    """Raise if memory, handles, threads or temporary files have become more."""
    assert grown <= allowed, f"memory grew by {grown:.1f} MiB"
    for name, (before, after) in found["counts"].items():
        assert after <= before, f"{name}: {before} before, {after} after"


def growth(memory: list[float]) -> float:
    """By how much memory grew after the first quarter of the samples, by a straight line."""
    rest = np.array(memory[len(memory) // 4 :])
    if len(rest) < 2:
        return 0.0
    slope = np.polyfit(np.arange(len(rest)), rest, 1)[0]
    return float(slope * (len(rest) - 1))
