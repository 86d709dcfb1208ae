"""Processes that kill themselves where they finish a file: around each rename and each fsync."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

RENAMES = ("before replace", "after replace")
"""The points around a rename."""
POINTS = ("before fsync", *RENAMES)
"""All points: between fsync and rename, nothing else happens."""


def kill_at(number: int, points: tuple[str, ...] = POINTS) -> None:
    """Let this process kill itself when it comes to its `number`-th point, from 1."""
    count = 0

    def reached(point: str) -> None:
        nonlocal count
        if point in points:
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

    def watched(name: str) -> Callable[..., Any]:
        original = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            reached(f"before {name}")
            result = original(*arguments, **options)
            reached(f"after {name}")
            return result

        return call

    os.replace, os.fsync = watched("replace"), watched("fsync")


def killed_at_each_point(
    work: Callable[[Path], object], root: Path, points: tuple[str, ...] = POINTS
) -> Iterator[Path | None]:
    """Start the work once for each point that it comes to, and kill it there.

    Each time it runs in a fork of this process, into root/N; where that kills itself at its N-th
    point, the folder is yielded; at the end, None for the one that came to fewer.
    """
    for number in itertools.count(1):
        folder = root / str(number)
        child = os.fork()
        if child == 0:
            try:
                kill_at(number, points)
                work(folder)
                os._exit(0)
            finally:
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            yield None
            return
        assert code == -signal.SIGKILL, f"the work ended with {code} before point {number}"
        yield folder
