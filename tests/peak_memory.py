"""What code takes in memory, as the operating system counts it."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from tests.processes import printed

STATUS = Path("/proc/self/status")
M_MMAP_THRESHOLD = -3  # of malloc.h


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


def free_at_once() -> None:
    """Give blocks back to the system when they are freed.

    By default glibc raises the size from which it does so, as blocks happen to be freed: what a
    process holds then differs from run to run by whole tensors.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, 128 * 1024)


def printed_by(code: str) -> list[float]:
    """The numbers that code prints in a process of its own, which can `from tests...` import."""
    if not STATUS.is_file():
        pytest.skip("needs /proc, to read the peak of memory")
    start = "from tests.peak_memory import free_at_once\nfree_at_once()\n"
    return [float(number) for number in printed(start + code).split()]
