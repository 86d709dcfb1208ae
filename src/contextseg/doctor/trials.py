"""Whether modules can be imported, found out in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from contextseg.doctor.findings import LONGEST
from contextseg.system.excerpts import abridged

PROGRAM = Path(__file__).with_name("trial.py")
SECONDS = 300
"""Time after which an import counts as hanging: a cold disk takes its time."""


class Trial(NamedTuple):
    """What became of an import."""

    error: str = ""
    """Why it failed; empty if it did not."""
    version: str = ""
    """The module's `__version__`, if it has one."""


def trials(names: Sequence[str], seconds: float = SECONDS) -> dict[str, Trial]:
    """Import each module in one process, or in a new one after a crash.

    Args:
        names: of the modules, those first that others import.
        seconds: time for a process; the import during which it ends counts as failed.

    Returns:
        A `Trial` for each name.
    """
    found: dict[str, Trial] = {}
    while remaining := [name for name in names if name not in found]:
        found.update(_process(remaining, seconds))
    return found


def _process(names: Sequence[str], seconds: float) -> dict[str, Trial]:
    """The trials of one process: at least that of the first name."""
    path = os.pathsep.join(part or str(Path.cwd()) for part in sys.path)
    process = subprocess.Popen(
        [sys.executable, "-P", str(PROGRAM), *names],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    )
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        assert process.stdout is not None
        with process.stdout as lines:
            said = [json.loads(line) for line in lines if line.endswith(b"\n")]
        code = process.wait()
    finally:  # at Ctrl-C too: Python would wait for the timer, and leave the process behind
        timer.cancel()
        process.kill()
        process.wait()
    found = {
        begun["begins"]: Trial(abridged(ended["error"], LONGEST), abridged(ended["version"], 40))
        for begun, ended in zip(said[::2], said[1::2], strict=False)
    }
    if len(found) < len(names):
        reason = f"no end after {seconds:g} s" if late.is_set() else _ending(code)
        found[names[len(found)]] = Trial(f"the import ended Python: {reason}")
    return found


def _ending(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
