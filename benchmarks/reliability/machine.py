"""Machines that lack something: disk, write permission, file handles, shared memory, memory.

A command either does its work or ends with exit code 2 and one message (1 where single images
failed, which it lists), without a traceback. Resumed on a machine that has enough, it then holds
what a run on such a machine holds. Of two commands at once in one folder, one works.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.reliability.cases import Case, NotTriedError
from benchmarks.reliability.children import (
    LIMIT,
    READY,
    child,
    command,
    ended,
    finished,
    started,
)
from benchmarks.reliability.kills import complete, whole_of
from benchmarks.reliability.material import Material, Work, contents, single_files, works
from benchmarks.reliability.on_material import run_on_material
from benchmarks.reliability.rows import Row, Tally
from tests.limited import SHARED, can_mount, limit_memory, message, mount_shared, read_only

NAME = "machine"
SHARE = 2.0
KINDS = ("validated",)
MOST = 20
"""Trials of a case."""
DISK, PAGE = 64, 4096
"""MiB of the disk that is filled, and bytes that a file takes at least."""


def run(budget_seconds: float, seed: int, work: Path) -> list[Row]:
    """Run commands on machines that lack something."""
    return run_on_material(cases, budget_seconds, seed, work)


def cases(material: Material, seed: int, root: Path) -> list[Case]:
    """Every command with every lack."""
    listed, resumed = [], works(material, KINDS)
    for number, job in enumerate([*resumed, *single_files(material)]):
        folder = root / f"work{number}"
        for name, trial in TRIALS.items():
            draw = random.Random(f"{seed} {job.name} {name}")
            listed.append(Case(job.name, name, partial(repeated, trial, job, folder, draw)))
        if job in resumed:
            listed.append(Case(job.name, "two at once in one folder", partial(two, job, folder)))
    small = partial(small_shared_memory, material, root / "shared")
    return [*listed, Case("training, 2 data workers", "1 MiB of /dev/shm", small)]


def repeated(
    trial: Callable[[Work, Path, Path, random.Random], str],
    job: Work,
    root: Path,
    draw: random.Random,
    tally: Tally,
    until: float,
) -> str:
    """Trials with different amounts; returns how they ended."""
    if trial in MOUNTING and not can_mount():
        raise NotTriedError("it needs the right to mount file systems")
    whole, outcomes = whole_of(job, root), []
    while tally.tried < MOST:
        folder = root / f"lack{time.monotonic_ns()}"
        with tally.trial():
            outcomes.append(trial(job, whole, folder, draw))
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > until:
            break
    counted = {each: outcomes.count(each) for each in sorted(set(outcomes))}
    return ", ".join(f"{number} {outcome}" for outcome, number in counted.items())


def full_disk(job: Work, whole: Path, folder: Path, draw: random.Random) -> str:
    """The disk is full when some part of what the job writes is there."""
    size = sum(PAGE * -(-len(content) // PAGE) for content in contents(whole).values())
    return _in_child(_filled, job, whole, draw.uniform(0, 1.1 * size))


def _filled(job: Work, whole: Path, free: float) -> str:
    mount_shared(DISK)
    filler, folder = Path(SHARED, "filler"), Path(SHARED, "out")
    filler.write_bytes(bytes(int(DISK * 2**20 - free)))
    outcome = require_told(*ended(job.words(folder)), "the disk is full")
    filler.unlink()
    complete(job, folder)
    job.check(whole, folder)
    return outcome


def read_only_folder(job: Work, whole: Path, folder: Path, draw: random.Random) -> str:
    """The folder to write to is read-only."""
    return _in_child(_refused, job)


def _refused(job: Work) -> str:
    mount_shared(DISK)
    read_only()
    return require_told(*ended(job.words(Path(SHARED, "out"))), "Read-only file system")


def few_handles(job: Work, whole: Path, folder: Path, draw: random.Random) -> str:
    """The process may open only a few more files."""
    used = len(os.listdir("/proc/self/fd"))
    outcome = _limited(job, folder, _limit_files, used + draw.randint(1, 30), "open no more files")
    complete(job, folder)
    job.check(whole, folder)
    return outcome


def _limit_files(number: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


def little_memory(job: Work, whole: Path, folder: Path, draw: random.Random) -> str:
    """The process may take little more address space than its imports took."""
    outcome = _limited(job, folder, limit_memory, draw.randint(0, 400), "memory|threads")
    complete(job, folder)
    job.check(whole, folder)
    return outcome


TRIALS = {
    "full disk, after a random part of its files": full_disk,
    "read-only folder": read_only_folder,
    "1 to 30 more file handles": few_handles,
    "0 to 400 MiB more memory": little_memory,
}
MOUNTING = (full_disk, read_only_folder)


def _limited(job: Work, folder: Path, limit: Callable[[int], None], amount: int, words: str) -> str:
    try:
        code, said = finished(child(_command_within, job.words(folder), limit, amount))
        return require_told(code, said.replace(READY, ""), words)
    except AssertionError as error:
        raise AssertionError(f"with {amount}: {error}") from None


def _command_within(argv: list[str], limit: Callable[[int], None], amount: int) -> None:
    limit(amount)
    command(argv)


def _in_child(function: Callable[..., str], *arguments: object) -> str:
    """What a function returns in a fork of this process."""
    code, said = finished(child(_printing, function, arguments, limit=3 * LIMIT))
    assert code == 0, said[-600:]
    return said.splitlines()[-1]


def _printing(function: Callable[..., str], arguments: tuple[object, ...]) -> None:
    print(function(*arguments))


def require_told(code: int | None, said: str, words: str) -> str:
    """How a command ended; raises unless it did its work, or said in one message why not."""
    assert code in (0, 1, 2), f"exit code {code}: {said[-600:]}"
    assert "Traceback" not in said, said[-600:]
    if code == 0:
        return "did its work"
    if code == 1:
        assert " failed" in said, said[-600:]
        return "failed for single images"
    told = message(said)
    assert any(word in told for word in words.split("|")), told
    return "ended with a message"


def two(work: Work, root: Path, tally: Tally, until: float) -> str:
    """Start the same command twice at once: one does the work, one says that it is not alone."""
    whole, refused = whole_of(work, root), 0
    while tally.tried < MOST:
        folder = root / f"two{tally.tried}"
        with tally.trial():
            both = [started(work.words(folder)) for _ in range(2)]
            results = [finished(process) for process in both]
            assert 0 in [code for code, _ in results], results[0][1][-600:]
            for code, said in results:
                if code != 0:
                    told = message(said)
                    assert code == 2, told
                    assert "is in use" in told or "finished" in told or "exist" in told, told
                    refused += 1
            complete(work, folder)
            work.check(whole, folder)
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > until:
            break
    return f"{refused} were refused, the others came after the first had ended"


def small_shared_memory(material: Material, root: Path, tally: Tally, until: float) -> str:
    """Train with data workers and a /dev/shm in which few batches have room."""
    if not can_mount():
        raise NotTriedError("it needs the right to mount file systems")
    argv = ["train", str(material.options("validated")), "--data.workers", "2",
            "--augment.crop", "256,256", "--out"]  # fmt: skip
    with tally.trial():
        outcome = _in_child(_with_small_shared_memory, [*argv, str(root)])
    return outcome


def _with_small_shared_memory(argv: list[str]) -> str:
    mount_shared(1)
    code, said = ended(argv)
    assert "shared memory are free" in said, said[-600:]
    return require_told(code, said, "out of shared memory")
