"""What code takes in memory, as the operating system counts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

STATUS = Path("/proc/self/status")


# By default glibc raises the size from which blocks are given back when they are freed, as the
# blocks happen to be freed: what a process holds then differs from run to run by whole tensors.
FREED_AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": str(128 * 1024)}


def peak() -> float:
    """Largest memory that this process has held, in MiB.

    Not `getrusage`: a new process starts with what its parent held.
    """
    return status("VmHWM")


def held() -> float:
    """Memory that this process holds now, in MiB."""
    return status("VmRSS")


def status(field: str) -> float:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def printed_by(code: str) -> list[float]:
    """The numbers that code prints in a process of its own, which can `from tests...` import."""
    if not STATUS.is_file():
        pytest.skip("needs /proc, to read the peak of memory")
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        env={**os.environ, **FREED_AT_ONCE},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return [float(number) for number in run.stdout.split()]
