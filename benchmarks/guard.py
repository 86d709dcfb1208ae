"""Which operators became slower, against their plain forms: for releases, on an idle machine.

    python -m benchmarks.guard              measure, compare with benchmarks/expectations.json
    python -m benchmarks.guard --record 3   measure three times, write what this machine reaches

Every work of the operators' benchmarks alternates with its baseline. Only ratios of processor time
are compared, which other programs change little, and only with those of the same kind of processor,
instructions and number of threads. A work that fell is measured again before it counts. Ends with 1
if one fell, with 2 if nothing is expected of such a machine yet.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import torch

from benchmarks import context_prior, encode, upsampled_argmax, upsampled_cross_entropy
from benchmarks.expectations import Expectation, compare, expectation, of_machine
from benchmarks.harness import Case, build
from benchmarks.measuring import Step, environment, repeats_in_turn
from contextseg.system.atomic_files import write_text
from contextseg.system.environment import cpu_name

EXPECTATIONS = Path(__file__).parent / "expectations.json"
MODULES: dict[str, tuple[ModuleType, str]] = {
    "encode": (encode, encode.FORMULA),
    "context prior": (context_prior, context_prior.DENSE),
    "upsampled argmax": (upsampled_argmax, upsampled_argmax.FORMULA),
    "upsampled cross-entropy": (upsampled_cross_entropy, upsampled_cross_entropy.FORMULA),
}
SECONDS = 150
"""Processor time for all works together, beside warm-ups and the fewest rounds."""
FEWEST, MOST = 3, 9
"""Rounds of a work."""
BUSY = 0.15
"""Share of the cores that others may take before a warning."""


def main() -> int:
    """Measure, then record or compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--record", type=int, metavar="RUNS", help="write what is expected here")
    parser.add_argument("--threads", type=int, default=1, help="threads (default: 1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="works whose name contains this")
    options = parser.parse_args()
    if options.record is not None and options.record < 2:
        parser.error("--record: noise needs at least two runs.")
    torch.set_num_threads(options.threads)
    where = environment("cpu")
    if (where["others"] or 0) > BUSY:
        print(f"Others take {where['others']:.0%} of the cores: ratios may be wrong.")
    works = {name: pair for name, pair in all_works() if options.only in name}
    if not works:
        parser.error(f"--only: no work contains {options.only!r}.")
    if options.record is not None:
        record(works, options.record, where)
        return 0
    return check(works, of_machine(recorded(), machine()))


def recorded() -> dict[str, Any]:
    """What is expected, by machine."""
    if not EXPECTATIONS.is_file():
        return {}
    return json.loads(EXPECTATIONS.read_text(encoding="utf-8"))


def check(works: dict[str, tuple[Case, Case]], expected: dict[str, Expectation]) -> int:
    """Measure and say which works fell; the exit status."""
    measured = ratios(works)
    for work in compare(measured, expected).fell:  # once more, in case something else was running
        measured[work] = max(measured[work], ratio(*works[work], SECONDS / len(works)))
    result = compare(measured, expected)
    for work, value in measured.items():
        known = expected.get(work)
        text = "nothing expected" if known is None else f"expected {known.ratio:.2f}"
        if work in result.fell and known is not None:
            text += f", at least {known.least:.2f}: FELL"
        print(f"{work:72} {value:8.2f} x  {text}")
    for work in result.missing:
        print(f"{work:72}   expected, but not measured")
    print(f"{len(result.held)} held, {len(result.fell)} fell, {len(result.unknown)} new.")
    if not expected:
        print(f"Nothing is expected of {machine()}: record it with --record 3.")
        return 2
    return 1 if result.fell else 0


def record(works: dict[str, tuple[Case, Case]], runs: int, where: dict[str, Any]) -> None:
    """Measure several times and write what to expect of this machine."""
    found = [ratios(works) for _ in range(runs)]
    content = recorded()  # as it is now: other works may have been recorded meanwhile
    entry = content.setdefault(machine(), {"works": {}})
    entry["where"] = {**where, "runs": runs}
    for work in works:
        values = asdict(expectation([run[work] for run in found]))
        entry["works"][work] = {name: float(f"{value:.3g}") for name, value in values.items()}
        print(f"{work:72} {values['ratio']:8.2f} x  noise {values['noise']:.1%}")
    write_text(EXPECTATIONS, json.dumps(content, indent=1) + "\n")


def machine() -> str:
    """What ratios depend on: processor, instructions, threads."""
    instructions = torch.backends.cpu.get_cpu_capability()
    return f"{cpu_name()}, {instructions}, {torch.get_num_threads()} threads"


def all_works() -> Iterator[tuple[str, tuple[Case, Case]]]:
    """Every work with a form of ours and a baseline on the CPU: its name, and the two."""
    for title, (module, baseline) in MODULES.items():
        cases = [case for case in module.CASES if case.device in (None, "cpu")]
        for group in dict.fromkeys(case.group for case in cases):
            members = [case for case in cases if case.group == group and not case.compiled]
            ours = [case for case in members if case.name.startswith("ours")]
            plain = [case for case in members if case.name == baseline]
            for case in ours if plain else []:
                form = case.name.removeprefix("ours").lstrip(", ")
                yield f"{title}: {group}{f', {form}' if form else ''}", (case, plain[0])


def ratios(works: dict[str, tuple[Case, Case]]) -> dict[str, float]:
    """The ratio of every work."""
    return {name: ratio(*pair, SECONDS / len(works)) for name, pair in works.items()}


def ratio(ours: Case, plain: Case, limit: float) -> float:
    """How many times as fast as its baseline a form is: the median of alternating rounds.

    Rounds end after `limit` seconds. A short step is repeated in its round.
    """
    steps = [build(case, "cpu") for case in (plain, ours)]
    first = [processor_seconds(step, 1) for step in steps]  # loads what a first call loads
    counts = [repeats_in_turn(seconds) for seconds in first]
    found: list[float] = []
    start = time.process_time()
    while len(found) < FEWEST or (len(found) < MOST and time.process_time() - start < limit):
        slow, fast = (
            processor_seconds(step, count) for step, count in zip(steps, counts, strict=True)
        )
        found.append(slow / fast)
    return median(found)


def processor_seconds(step: Step, count: int) -> float:
    """Processor time of a step, of all threads together, averaged over `count` calls."""
    start = time.process_time()
    for _ in range(count):
        step()
    return max(time.process_time() - start, 1e-9) / count


if __name__ == "__main__":
    sys.exit(main())
