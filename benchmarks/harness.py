"""What the benchmarks share: fair turns, medians, peak memory, a table, the command line.

A benchmark names its cases and hands them over:

    CASES = [Case("ours", build_ours), Case("formula", build_formula), Case("floor", build_floor)]

    if __name__ == "__main__":
        run("Encoding", CASES, baseline="formula", description=__doc__)

`build` draws the inputs and returns a step, which does the work once. It is called with the
chosen device as PyTorch's default device, so that `torch.randn(...)` is drawn where the step runs.
Cases of one group are compared with one another: they take turns, several rounds of all, and the
median of each counts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.measuring import (
    Step,
    environment,
    extra_cuda_mib,
    median_ms,
    status_mib,
    why_not_compiled,
)
from contextseg.system.atomic_files import write_text


@dataclass(frozen=True)
class Case:
    """One way to do the work of a group."""

    name: str
    """What the table calls it."""
    build: Callable[[], Step]
    """Draws the inputs on the default device and returns the step."""
    group: str = ""
    """Which table it stands in; its ratios are to the baseline in there."""
    compiled: bool = False
    """The step runs under `torch.compile`: only with --compile, and where a compiler is."""
    memory: bool = True
    """Whether what it takes in memory says anything: not of a floor in time."""
    device: str | None = None
    """Where it makes sense, `cpu` or `cuda`; None for both."""

    @property
    def key(self) -> str:
        """Its name on the command line."""
        return f"{self.group}/{self.name}" if self.group else self.name


def run(
    title: str,
    cases: list[Case],
    baseline: str,
    description: str | None = None,
    sweep: list[Case] | None = None,
) -> list[dict[str, Any]]:
    """Parse the command line, measure the cases, and print tables or JSON lines.

    Args:
        title: heading of the tables.
        cases: what to measure.
        baseline: name of the case of each group that ratios refer to.
        description: text of --help.
        sweep: cases to measure instead with --sweep.

    Returns:
        A row for each case measured.
    """
    options = parse(description, sweep is not None)
    if options.sweep:
        cases = sweep or []
    cases = [case for case in cases if options.only in case.key]
    cases = [case for case in cases if case.device in (None, options.device)]
    torch.set_num_threads(options.threads)
    if options.memory is not None:
        case = next(case for case in cases if case.key == options.memory)
        print(extra_memory_mib(case, options.device))
        return []
    where = environment(options.device)
    if not options.json:
        print(f"{title}\n" + ", ".join(f"{name} {value}" for name, value in where.items()))
    rows = []
    for group in dict.fromkeys(case.group for case in cases):
        members = [case for case in cases if case.group == group]
        reason = None
        if any(case.compiled for case in members):
            reason = why_not_compiled(options.device) if options.compile else "add --compile"
        runnable = [case for case in members if not (case.compiled and reason)]
        table = measure(runnable, baseline, options)
        rows += table
        if options.json:
            for row in table:
                print(json.dumps({"title": title, **row, **where}), flush=True)
            continue
        print_table(group, table)
        for case in members:
            if case not in runnable:
                print(f"{case.name:34} skipped: {reason}")
    if options.save:
        save(options.save, title, baseline, where, rows)
    return rows


def save(path: str, title: str, baseline: str, where: dict[str, Any], rows: list[dict]) -> None:
    """Write what was measured, where, and by which command, for `benchmarks.tables` and `.plot`."""
    arguments = [argument for argument in sys.argv[1:] if argument != path and argument != "--save"]
    spec = sys.modules["__main__"].__spec__
    command = " ".join(["python -m", spec.name if spec else sys.argv[0], *map(quoted, arguments)])
    head = {"title": title, "command": command, "baseline": baseline, "where": where}
    lines = ",\n".join("  " + json.dumps(rounded(row)) for row in rows)
    write_text(path, json.dumps(head, indent=1)[:-2] + f',\n "rows": [\n{lines}\n ]\n}}\n')


def quoted(argument: str) -> str:
    """An argument as a shell takes it."""
    return f'"{argument}"' if " " in argument else argument


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """A row with four digits of each figure, more than any measurement is good for."""
    return {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in row.items()}


def parse(description: str | None, has_sweep: bool) -> argparse.Namespace:
    """The options of every benchmark."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--device", choices=["cpu", "cuda"], default="cpu", help="where to run")
    add("--json", action="store_true", help="print a line of JSON for each case")
    add("--quick", action="store_true", help="two rounds instead of seven")
    add("--threads", type=int, default=torch.get_num_threads(), help="threads on the CPU")
    add("--compile", action="store_true", help="measure torch.compile too, which takes minutes")
    add("--save", metavar="FILE", help="write what was measured to a JSON file too")
    add("--no-memory", action="store_true", help="leave out peak memory")
    add("--only", default="", metavar="TEXT", help="cases whose group/name contains this")
    if has_sweep:
        add("--sweep", action="store_true", help="measure how the cost grows instead")
    else:
        parser.set_defaults(sweep=False)
    add("--memory", metavar="CASE", help=argparse.SUPPRESS)  # what a process of its own is told
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: there is no CUDA device here.")
    return options


def measure(cases: list[Case], baseline: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Times, memory and ratios of the cases of one group."""
    steps = {case.name: build(case, options.device) for case in cases}
    times = median_ms(steps, 2 if options.quick else 7, options.device)
    rows: list[dict[str, Any]] = []
    for case in cases:
        memory = None
        if case.memory and not options.no_memory:
            memory = peak_memory_mib(case, steps[case.name], options)
        rows.append(
            {"group": case.group, "case": case.name, **times[case.name], "memory_mib": memory}
        )
    base = next((row for row in rows if row["case"] == baseline), None)
    for row in rows:
        row["speed_ratio"] = base["ms"] / row["ms"] if base else None
        known = base is not None and base["memory_mib"] and row["memory_mib"] is not None
        row["memory_ratio"] = row["memory_mib"] / base["memory_mib"] if base and known else None
    return rows


def build(case: Case, device: str) -> Step:
    """The step of a case, its inputs drawn on the device from a fixed seed."""
    torch.manual_seed(0)
    with torch.device(device):
        return case.build()


def peak_memory_mib(case: Case, step: Step, options: argparse.Namespace) -> float | None:
    """Most memory that one step takes beyond its inputs, in MiB; None where it cannot be had."""
    if options.device == "cuda":
        return extra_cuda_mib(step)
    spec = sys.modules["__main__"].__spec__
    if spec is None or not Path("/proc/self/status").is_file():
        return None
    command = [sys.executable, "-m", spec.name, "--memory", case.key]
    command += ["--threads", str(options.threads), *(["--sweep"] if options.sweep else [])]
    # Without this the allocator keeps what a warm-up freed, and a step takes it unnoticed.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    if process.returncode:
        print(f"{case.key}: memory not measured: {process.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    return float(process.stdout.split()[-1])


def extra_memory_mib(case: Case, device: str) -> float:
    """What the first step of this process adds to the most it has held, in MiB."""
    step = build(case, device)
    if device == "cuda":
        return extra_cuda_mib(step)
    if case.compiled:
        step()  # compiles
    with contextlib.suppress(OSError):  # if not allowed, growth counts from the peak of all so far
        Path("/proc/self/clear_refs").write_text("5")
    before = status_mib("VmHWM")
    step()
    return status_mib("VmHWM") - before


def print_table(group: str, rows: list[dict[str, Any]]) -> None:
    """Print the rows of a group for people."""
    calls = any("call_ms" in row for row in rows)  # on a GPU
    heading = (
        f"{'median':>10}  {'p20 to p80':>17}  {'speed':>8}  {'extra memory':>13}  {'share':>6}"
    )
    print(f"\n{group:34}{heading}{'  a call' if calls else ''}")
    digits = 3 if calls else 1
    for row in rows:
        spread = f"{row['ms_p20']:.{digits}f} to {row['ms_p80']:.{digits}f}"
        speed = "" if row["speed_ratio"] is None else f"{row['speed_ratio']:.2f} x"
        memory = "" if row["memory_mib"] is None else f"{row['memory_mib']:.1f} MiB"
        share = "" if row["memory_ratio"] is None else f"{row['memory_ratio']:.3f}"
        call = f"  {row['call_ms']:.3f} ms" if calls else ""
        if row.get("timed_by") == "calls":
            call += " (not captured: the median is of calls too)"
        print(
            f"{row['case']:34}{row['ms']:7.{digits}f} ms  {spread:>17}  {speed:>8}  {memory:>13}  "
            f"{share:>6}{call}",
            flush=True,
        )
