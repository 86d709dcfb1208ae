"""What benchmarks read off the machine: times, memory, and what a figure depends on."""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_time import Timed, timed
from contextseg.system.environment import commit, cpu_name

Step = Callable[[], object]

TURN_SECONDS = 0.3  # a short step is repeated in its turn for about so long
MOST_REPEATS = 50


def median_ms(steps: dict[str, Step], rounds: int, device: str = "cpu") -> dict[str, dict]:
    """Median, 20th and 80th percentile of the milliseconds of each step, which take turns.

    On a GPU these are of the GPU alone, and `call_ms` is the median of the wall-clock time of a
    call, launching included: of small work it is most.
    """
    if device == "cuda":
        return gpu_ms(steps, rounds)
    repeats, times = {}, {name: [] for name in steps}
    for name, step in steps.items():
        first = min(seconds(step, device) for _ in range(2))
        repeats[name] = repeats_in_turn(first)
    for _ in range(rounds):
        for name, step in steps.items():
            if repeats[name] > 1:
                step()  # what the others left in the caches is not this step's doing
            times[name] += [seconds(step, device) * 1000 for _ in range(repeats[name])]
    return {name: percentiles(measured) for name, measured in times.items()}


def repeats_in_turn(first: float) -> int:
    """How often a step of so many seconds is repeated in its turn."""
    return max(1, min(MOST_REPEATS, math.ceil(TURN_SECONDS / max(first, 1e-9))))


def seconds(step: Step, device: str) -> float:
    """Wall-clock time of a step, to the end of what it started on the device."""
    synchronise(device)
    start = time.perf_counter()
    step()
    synchronise(device)
    return time.perf_counter() - start


def gpu_ms(steps: dict[str, Step], rounds: int) -> dict[str, dict]:
    """Times of the GPU for each step, by which way they were had, and of a call."""
    ready: dict[str, Timed] = {}
    gpu, calls = {name: [] for name in steps}, {name: [] for name in steps}
    repeats = {}
    for name, step in steps.items():
        step()  # compiles
        repeats[name] = repeats_in_turn(min(seconds(step, "cuda") for _ in range(2)))
        ready[name] = timed(step)
    for _ in range(rounds):
        for name, step in steps.items():
            gpu[name] += [ready[name].ms() for _ in range(repeats[name])]
            calls[name] += [seconds(step, "cuda") * 1000 for _ in range(repeats[name])]
    return {
        name: {
            **percentiles(gpu[name]),
            "call_ms": statistics.median(calls[name]),
            "timed_by": ready[name].way,
        }
        for name in steps
    }


def synchronise(device: str) -> None:
    """Wait for the device."""
    if device == "cuda":
        torch.cuda.synchronize()


def percentiles(times: list[float]) -> dict[str, float]:
    """Median and spread."""
    ordered = sorted(times)
    fifth = len(ordered) // 5
    return {
        "ms": statistics.median(ordered),
        "ms_p20": ordered[fifth],
        "ms_p80": ordered[-1 - fifth],
    }


def extra_cuda_mib(step: Step) -> float:
    """What a step adds to the memory allocated on the GPU, in MiB."""
    step()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def status_mib(field: str) -> float:
    """A size from the status of this process, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def environment(device: str) -> dict[str, Any]:
    """What a figure depends on."""
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": commit() or "unknown",
        "others": busy_share(),
    }


def busy_share(wait: float = 1.0) -> float | None:
    """Share of all cores that others take while this process waits: what disturbs a figure."""
    try:
        before = processor_times()
        time.sleep(wait)
        idle, total = (new - old for new, old in zip(processor_times(), before, strict=True))
        return round(1 - idle / total, 2)
    except (OSError, ZeroDivisionError):
        return None


def processor_times() -> tuple[int, int]:
    """Time that all cores together have been idle, and that has passed, in ticks."""
    ticks = [int(part) for part in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def why_not_compiled(device: str) -> str | None:
    """The reason that `torch.compile` does not work here, found by compiling something small."""
    try:
        torch.compile(lambda x: (x + 1).sum())(torch.ones(8, device=device))
    except Exception as error:
        what = str(error).strip().splitlines() or [type(error).__name__]
        hint = "install a C++ compiler and Python's headers" if device == "cpu" else "see Triton"
        return f"torch.compile does not work here ({what[0][:120]}): {hint}"
    return None
