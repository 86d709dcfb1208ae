"""What code takes in memory, as the operating system counts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STATUS = Path("/proc/self/status")


def peak() -> float:
    """Largest memory that this process has held, in MiB.

    Not `getrusage`: a new process starts with what its parent held.
    """
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def printed_by(code: str) -> list[float]:
    """The numbers that code prints in a process of its own, which can `from tests...` import."""
    if not STATUS.is_file():
        pytest.skip("needs /proc, to read the peak of memory")
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return [float(number) for number in run.stdout.split()]
