"""Targets in child processes: a parser that kills its process is a crash, not the end."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

import cv2

from benchmarks.reliability.fuzz.engine import Outcome, Target, described, fuzz

MIB = 4096
"""Address space that a child may take beyond what it has: what wants more is a MemoryError."""


def run_all(
    targets: Sequence[Target], seconds: float, seed: int, most: int | None = None, workers: int = 2
) -> list[Outcome]:
    """Fuzz targets for `seconds` altogether, in `workers` processes; in this one without fork."""
    workers = max(1, min(workers, os.cpu_count() or 1, len(targets)))
    each = seconds * workers / len(targets)
    if not hasattr(os, "fork"):
        return [fuzz(target, seconds / len(targets), seed, most) for target in targets]
    context = multiprocessing.get_context("fork")
    done: dict[str, Outcome] = {}
    waiting = [list(targets[start::workers]) for start in range(workers)]
    running: dict[Connection, tuple[multiprocessing.process.BaseProcess, list[Target]]] = {}

    def start(part: list[Target]) -> None:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(theirs, part, each, seed, most))
        process.start()
        theirs.close()
        running[ours] = process, part

    # A fork in which OpenCV's threads do not exist would wait for them for ever.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    for part in waiting:
        start(part)
    while running:
        for pipe in wait(list(running)):
            assert isinstance(pipe, Connection)
            process, part = running[pipe]
            try:
                outcome = pipe.recv()
                done[outcome.name] = outcome
            except EOFError:
                process.join()
                pipe.close()
                del running[pipe]
                left = [target for target in part if target.name not in done]
                if left:  # it died in the first of these
                    died = Outcome(left[0].name, cases=1)
                    died.crashes[f"the process ended with {process.exitcode}"] = 1
                    done[left[0].name] = died
                    if left[1:]:
                        start(left[1:])
    cv2.setNumThreads(threads)
    return [done[target.name] for target in targets]


def _work(
    pipe: Connection, targets: Sequence[Target], seconds: float, seed: int, most: int | None
) -> None:
    _limit_memory()
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)  # libraries of pictures write their warnings there
    for target in targets:
        try:
            outcome = fuzz(target, seconds, seed, most)
        except BaseException as error:  # of the harness itself: no case of it counts
            outcome = Outcome(target.name, cases=1)
            outcome.crashes[f"the harness: {described(error)}: {error}"] = 1
        pipe.send(outcome)
    pipe.close()


def _limit_memory() -> None:
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + (MIB << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ImportError, OSError):  # no Linux
        return
