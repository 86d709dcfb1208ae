"""Rows of measurements on a GPU that is lent for minutes: each is written as soon as it is there.

A form that fails is a row with its error; when a section's seconds are over, its rest is skipped.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import torch

from benchmarks.gpu_time import timed
from benchmarks.measuring import Step, environment, extra_cuda_mib, seconds

ROUNDS = 5
PRODUCTS = ("gemm", "xmma", "cutlass", "nvjet", "splitK", "cublas")


def kernels_of(work: Step) -> list[tuple[str, int, float]]:
    """Name, launches and milliseconds of the kernels of a step, the longest first."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        work()
        torch.cuda.synchronize()
    events = [
        (event.key, event.count, round(event.self_device_time_total / 1000, 4))
        for event in profile.key_averages()
    ]
    return sorted(events, key=lambda event: -event[2])


def kernel_ms(work: Step, names: tuple[str, ...]) -> dict[str, float]:
    """Milliseconds of one step by kind of kernel: ours by name, matrix products, others."""
    found: dict[str, float] = {}
    for key, _, ms in kernels_of(work):
        kind = next((name for name in names if name in key), None)
        if kind is None:
            kind = "products" if any(part in key for part in PRODUCTS) else "others"
        found[kind] = round(found.get(kind, 0) + ms, 4)
    return found


def measured(work: Step, names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Times and extra memory of a step, and, of kernels with these names, milliseconds of each."""
    work()
    found: dict[str, Any] = {"memory_mib": round(extra_cuda_mib(work), 1)}
    found["call_ms"] = round(statistics.median(seconds(work, "cuda") for _ in range(3)) * 1000, 4)
    if names is not None:
        found["kernels"] = kernel_ms(work, names)
    ready = timed(work)
    times = sorted(ready.ms() for _ in range(ROUNDS))
    found |= {"ms": round(statistics.median(times), 4), "least_ms": round(times[0], 4)}
    return found | {"timed_by": ready.way}


class Rows:
    """Measures forms, and writes and prints each row at once."""

    def __init__(
        self, file: TextIO | None, total: float, only: str, shares: dict[str, float]
    ) -> None:
        self.file, self.total, self.only, self.shares = file, total, only, shares
        self.end = time.perf_counter() + total
        self.name, self.base, self.until = "", 0.0, 0.0

    def section(self, name: str) -> bool:
        """Begin a section, if it is asked for."""
        self.name, self.base = name, 0.0
        self.until = min(self.end, time.perf_counter() + self.total * self.shares[name])
        return self.only in name

    def add(self, form: str, run: Callable[[], dict[str, Any]], base: bool = False) -> None:
        """A row of what `run` finds; the ratio is to the last row that is a base."""
        if time.perf_counter() > self.until:
            print(f"{self.name:10}{form:44} skipped: no time left", flush=True)
            return
        start = time.perf_counter()
        found: dict[str, Any] = {}
        try:
            found = run()
        except Exception as error:  # whatever a library raises: the others are still of use
            found = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        torch.cuda.empty_cache()
        if base:
            self.base = found.get("ms", 0.0)
        elif self.base and "ms" in found:
            found["speed"] = round(self.base / found["ms"], 2)
        row = {"section": self.name, "form": form, **found}
        row["took_s"] = round(time.perf_counter() - start, 1)
        if self.file is not None:
            self.file.write(json.dumps(row) + "\n")
            self.file.flush()
        shown = {k: v for k, v in found.items() if k not in ("least_ms", "longest")}
        print(f"{self.name:10}{form:44} {json.dumps(shown)} {row['took_s']} s", flush=True)


@contextlib.contextmanager
def rows_from_command_line(
    name: str, description: str | None, seconds: float, shares: dict[str, float]
) -> Iterator[Rows]:
    """Rows for `name`.jsonl, as the command line has them, with the GPU as the default device.

    Args:
        name: of the file.
        description: text of --help.
        seconds: for all sections together, if the command line does not say.
        shares: of each section in the seconds.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--save", metavar="DIRECTORY", help=f"write {name}.jsonl there")
    parser.add_argument("--seconds", type=float, default=seconds, help="for all sections together")
    parser.add_argument("--only", default="", metavar="TEXT", help="sections whose name has this")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        file = None
        if options.save:
            path = Path(options.save) / f"{name}.jsonl"
            file = stack.enter_context(path.open("a", encoding="utf-8"))
        where = environment("cuda")
        print(json.dumps(where), flush=True)
        rows = Rows(file, options.seconds, options.only, shares)
        if file is not None:
            file.write(json.dumps(where) + "\n")
        with torch.device("cuda"):
            yield rows
