"""Processes killed with SIGKILL: where they finish a file, and at random moments.

What was killed is resumed with the same command, and must then hold what a run that was left alone
holds: weights bit for bit, logs, masks, archives, and nothing else. Of a page that was killed while
it saved, everything that it had acknowledged must be there.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from functools import partial
from pathlib import Path

from benchmarks.reliability.cases import Case
from benchmarks.reliability.children import command, finished, started, succeeded
from benchmarks.reliability.material import Material, Moments, Work, works
from benchmarks.reliability.on_material import run_on_material
from benchmarks.reliability.rows import Row, Tally
from benchmarks.reliability.saving import killed_while_saving
from contextseg.system.exclusive import FILE_NAME
from tests.crashing import killed_at_each_point

NAME = "kills"
SHARE = 5.0
POINTS = "killed before and after each rename and before each fsync"
MOMENTS = "killed at random moments, up to three times a run"
MOST = 40
"""Kills at random moments of one command."""


def run(budget_seconds: float, seed: int, work: Path) -> list[Row]:
    """Kill trainings, `predict`, `batch` and `annotate`."""
    return run_on_material(cases, budget_seconds, seed, work)


def cases(material: Material, seed: int, root: Path) -> list[Case]:
    """Every work at every point and at random moments, and the page of `annotate`."""
    listed = []
    for number, work in enumerate(works(material)):
        folder = root / f"work{number}"
        if "workers" not in work.name:  # the files are theirs: points of this process are few
            weight = 3.0 if work.name.startswith("training") else 1.0
            listed.append(Case(work.name, POINTS, partial(at_points, work, folder), weight))
        draw = random.Random(f"{seed} {work.name}")
        listed.append(Case(work.name, MOMENTS, partial(at_moments, work, folder, draw)))
    page = partial(killed_while_saving, material, root / "pages")
    points = "the server is killed before and after each rename and before each fsync of a save"
    moments = "the server is killed at random moments while a client saves"
    return [*listed, Case("annotate", points, partial(page, None)),
            Case("annotate", moments, partial(page, random.Random(seed)))]  # fmt: skip


def at_points(work: Work, root: Path, tally: Tally, until: float) -> str | None:
    """Kill the work at each point that it comes to, resume it, compare."""
    whole = whole_of(work, root)

    def killed(out: Path) -> None:
        command(work.words(out))

    for folder in killed_at_each_point(killed, root / "points"):
        if folder is None:
            return "all points of a run"
        with tally.trial(f"point {folder.name}"):
            complete(work, folder)
            work.check(whole, folder)
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > until:
            return f"its time was over after {tally.tried} points"
    return None


def at_moments(work: Work, root: Path, draw: random.Random, tally: Tally, until: float) -> str:
    """Kill the work at random moments, resume it, compare."""
    whole = whole_of(work, root)
    moments, number = Moments(draw, succeeded(work.words(root / "timed"))), 0
    while number < 3 or (time.monotonic() < until and tally.tried < MOST):
        number += 1
        folder = root / f"moment{number}"
        kills = killed_sometimes(work, folder, moments, draw.randint(1, 3))
        with tally.trial(f"run {number}, {kills} kills", kills):
            complete(work, folder)
            work.check(whole, folder)
        shutil.rmtree(folder, ignore_errors=True)
    return f"{number} runs of {moments.seconds:.1f} s"


def killed_sometimes(work: Work, folder: Path, moments: Moments, most: int) -> int:
    """Start the work so often, and kill it; returns how often it was killed."""
    for kills in range(most):
        if work.complete(folder):
            return kills
        begin, at = time.monotonic(), moments.next()
        process = started(work.words(folder))
        time.sleep(at)
        os.kill(process.pid or 0, signal.SIGKILL)
        if finished(process)[0] != -signal.SIGKILL:  # it was done before
            moments.was_done(time.monotonic() - begin)
            return kills
    return most


def whole_of(work: Work, root: Path) -> Path:
    """What the work leaves when nobody disturbs it."""
    whole = root / "whole"
    if not whole.exists():
        succeeded(work.words(whole))
    return whole


def complete(work: Work, folder: Path) -> None:
    """Resume the work until it is complete."""
    if work.complete(folder):  # nobody works in it again
        (folder / FILE_NAME).unlink(missing_ok=True)
    else:
        succeeded(work.words(folder))
