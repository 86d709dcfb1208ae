"""The machine as this process may use it: system, cores, memory, folders."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from contextseg.doctor.findings import Finding, told
from contextseg.system.cache_folder import cache_folder
from contextseg.system.environment import cpu_abilities, cpu_name
from contextseg.system.resources import in_words, shared_memory, usable_cores, usable_memory

SMALL_MEMORY, SMALL_SHARED = 2**30, 64 * 2**20
"""Bytes below which there is something to say: of memory, and of shared memory (as in Docker)."""


def machine() -> Iterator[Finding]:
    """Look at system, processor and memory."""
    yield _found("system", f"{platform.system()} {platform.release()}, {platform.machine()}")
    abilities = cpu_abilities()
    yield _found("processor", ", ".join([cpu_name(), *abilities]), instructions=abilities)
    cores, all_cores = usable_cores(), os.cpu_count() or 1
    yield _found("cores", f"{cores} of {all_cores} usable", usable=cores, all=all_cores)
    memory = usable_memory()
    small = memory is not None and memory < SMALL_MEMORY
    yield Finding(
        section="machine",
        name="memory",
        state="note" if small else "fine",
        said="unknown" if memory is None else f"{in_words(memory)} left to use",
        advice="Large images need more: predict in windows (--window 512)." if small else "",
        details={"bytes": memory},
    )
    shared = shared_memory()
    small = shared is not None and shared <= SMALL_SHARED
    yield Finding(
        section="machine",
        name="shared memory",
        state="note" if small else "fine",
        said="not a folder here" if shared is None else f"{in_words(shared)} free",
        advice="Data workers need more: docker run --shm-size 2g, or --data.workers 0."
        if small
        else "",
        details={"bytes": shared},
    )


def folders() -> Iterator[Finding]:
    """Look at the folders that are written to without being named."""
    yield _folder("temporary", Path(tempfile.gettempdir()), "Name another one in TMPDIR.")
    yield _folder("cache", cache_folder(), "Name another one in CONTEXTSEG_CACHE.")


def _found(name: str, said: str, /, **details: object) -> Finding:
    return Finding(section="machine", name=name, said=said, details=details)


def _folder(name: str, folder: Path, advice: str) -> Finding:
    """Whether a folder, or the one in which it would be made, can be written to."""
    trouble = free = ""
    try:
        # Of a folder inside one that is closed to us, Python raises even for `exists`.
        place = next((each for each in (folder, *folder.parents) if each.exists()), folder)
        with tempfile.TemporaryFile(dir=place):
            free = f", {in_words(shutil.disk_usage(place).free)} free"
    except OSError as error:
        trouble = told(error)
    return Finding(
        section="folders",
        name=name,
        state="note" if trouble else "fine",
        said=f"{folder}{free}" if not trouble else f"{folder} cannot be written to ({trouble})",
        advice=advice if trouble else "",
        details={"folder": str(folder), "writable": not trouble},
    )
