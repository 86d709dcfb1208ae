"""What contextseg survives: kills, signals, full disks, long work, damaged and hostile files.

    python -m benchmarks.reliability [--only NAME ...] [--minutes 30] [--seed 0] [--save FILE]

Runs the suites in turn, prints a table of each, and exits with 1 if a trial failed. --save merges
the results into a JSON file; with the one in docs/results, it also writes the tables of
docs/reliability.md. It needs what tests need: `pip install -e '.[dev]'`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.reliability.page import PAGE, RESULTS, merge, update
from benchmarks.reliability.rows import Row
from benchmarks.reliability.suites import SUITES, failures, run_suites


def main() -> int:
    """Run, print, save; returns the exit code."""
    names = [suite.NAME for suite in SUITES]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability",
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME",
                        help=f"suites: {', '.join(names)} (all)")  # fmt: skip
    parser.add_argument("--minutes", type=float, default=30, help="of all together (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of what is random (%(default)s)")
    parser.add_argument("--save", type=Path, metavar="FILE", help="JSON file to merge results into")
    options = parser.parse_args()
    chosen = [suite for suite in SUITES if suite.NAME in options.only]
    results = run_suites(chosen, 60 * options.minutes, options.seed)
    for name, suite in results.items():
        for row in suite["rows"]:
            print(f"{name:10} {Row(**row).line()}")
    if options.save:
        merged = merge(options.save, results)
        if options.save.resolve() == RESULTS:
            update(PAGE, merged)
    failed = failures(results)
    print(f"{len(failed)} cases with failures; seed {options.seed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
