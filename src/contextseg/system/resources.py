"""How much of the machine this process may use: cores, memory, shared memory.

A container shows the cores and the memory of its host. Its control group says how much of them it
may use: more threads than that take turns, and more memory than that gets the process killed.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
SHARED_MEMORY = "dev/shm"
STATUS = "proc/self/status"
_UNLIMITED = 1 << 60
"""Control groups of version 1 write "no limit" as a number near 2^63."""


def usable_cores(root: Path = ROOT) -> int:
    """Cores that this process may use, at least 1.

    This is the smallest of: the cores of the machine, the cores that the process is bound to, and
    the CPU quota of its control groups (version 1 or 2), rounded up.

    Args:
        root: folder that holds `proc` and `sys`.
    """
    quotas = [math.ceil(quota) for quota in _cpu_quotas(root)]
    return max(1, min([_bound_cores(), *quotas]))


def usable_memory(root: Path = ROOT) -> int | None:
    """Bytes of memory that this process can still allocate, or None if unknown.

    This is the smallest of: the memory available on the system, what the limits of the process's
    control groups leave, and what its own limit (`ulimit -v`) leaves.

    Args:
        root: folder that holds `proc` and `sys`.
    """
    limits = [_kibibytes(root / "proc/meminfo", "MemAvailable"), _address_space_left(root)]
    known = [limit for limit in limits if limit is not None]
    return min([*known, *_memory_left(root)], default=None)


def memory_size(root: Path = ROOT) -> int | None:
    """Bytes of memory that this process may use if nothing else does, or None if unknown.

    This is the smallest of: the memory of the machine, the limits of the process's control groups,
    and its own limit (`ulimit -v`). Unlike `usable_memory`, it does not change with the moment.

    Args:
        root: folder that holds `proc` and `sys`.
    """
    limits = [_kibibytes(root / "proc/meminfo", "MemTotal"), _address_space()]
    known = [limit for limit in limits if limit is not None]
    return min([*known, *(limit for _, _, limit in _memory_limits(root))], default=None)


def shared_memory(root: Path = ROOT) -> int | None:
    """Free bytes of shared memory, which data workers use to hand over batches.

    None where processes share memory in another way, as on Windows and macOS.

    Args:
        root: folder that holds `dev`.
    """
    try:
        return shutil.disk_usage(root / SHARED_MEMORY).free
    except OSError:
        return None


def in_words(amount: float) -> str:
    """A human-readable number of bytes: 3.2 GiB, 64 MiB."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if amount >= size:
            value = amount / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{amount:.0f} bytes"


def _bound_cores() -> int:
    """Cores that the operating system schedules this process on."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13; PYTHON_CPU_COUNT overrides it
        return os.process_cpu_count() or 1  # pyright: ignore[reportAttributeAccessIssue]
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_quotas(root: Path) -> Iterator[float]:
    """CPU quota of each control group around this process, in cores."""
    for folder in _groups(root, "cpu"):
        limit = _words(folder / "cpu.max")  # version 2: "quota period" or "max period"
        if not limit:  # version 1: two files, a quota of -1 for none
            limit = _words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us")
        if len(limit) == 2 and all(word.isdecimal() for word in limit) and int(limit[1]) > 0:
            yield int(limit[0]) / int(limit[1])


def _memory_left(root: Path) -> Iterator[int]:
    """Bytes below the limit of each control group around this process."""
    for folder, version, limit in _memory_limits(root):
        usage_file, cache = (
            ("memory.current", "inactive_file")
            if version == 2
            else ("memory.usage_in_bytes", "total_inactive_file")
        )
        if usage := _words(folder / usage_file):
            # The page cache counts as used, but is reclaimed on demand.
            yield max(0, limit - int(usage[0]) + _statistic(folder / "memory.stat", cache))


def _memory_limits(root: Path) -> Iterator[tuple[Path, int, int]]:
    """Folder, version and limit in bytes of each control group that has one."""
    for folder in _groups(root, "memory"):
        for version, file in ((2, "memory.max"), (1, "memory.limit_in_bytes")):
            limit = _words(folder / file)
            if limit and limit[0].isdecimal() and int(limit[0]) < _UNLIMITED:
                yield folder, version, int(limit[0])


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of the control groups around this process, innermost first.

    Inside a container, the path in `proc` may be that of the host, and the container's own group is
    the root of the mounted tree.
    """
    for line in _text(root / "proc/self/cgroup").splitlines() or ["0::/"]:
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:
            base = root / "sys/fs/cgroup"
        elif controller in names.split(","):
            base = root / "sys/fs/cgroup" / controller
        else:
            continue
        folder = base / path.lstrip("/")
        while folder != base and folder.is_relative_to(base):
            yield folder
            folder = folder.parent
        yield base


def _address_space_left(root: Path) -> int | None:
    """Bytes below the limit of the process's address space, None without a limit."""
    limit, used = _address_space(), _kibibytes(root / STATUS, "VmSize")
    return None if limit is None or used is None else max(0, limit - used)


def _address_space() -> int | None:
    """Bytes that the process may address, None without a limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _kibibytes(path: Path, key: str) -> int | None:
    """A value in bytes from a file with lines such as `MemAvailable:  1024 kB`."""
    for line in _text(path).splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return 1024 * int(value.split()[0])
    return None


def _statistic(path: Path, key: str) -> int:
    for line in _text(path).splitlines():
        name, _, value = line.partition(" ")
        if name == key and value.isdecimal():
            return int(value)
    return 0


def _words(path: Path) -> list[str]:
    return _text(path).split()


def _text(path: Path) -> str:
    """Content of a kernel file; empty if there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
