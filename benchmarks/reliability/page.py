"""Tables of docs/reliability.md, made of the results file: no number is written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from contextseg.system.atomic_files import write_text

ROOT = Path(__file__).parents[2]
RESULTS, PAGE = ROOT / "docs" / "results" / "reliability.json", ROOT / "docs" / "reliability.md"
MARKS = ("<!-- benchmarks.reliability -->", "<!-- end -->")
"""What stands around the tables in the page."""


def merge(path: Path, results: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Put the suites that ran in the place of earlier results of theirs, and keep the others."""
    known = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    write_text(path, json.dumps(known | results, indent=1) + "\n")
    return known | results


def update(page: Path, results: dict[str, dict[str, Any]]) -> None:
    """Write the tables between the marks of a page."""
    before, _, rest = page.read_text("utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    write_text(page, f"{before}{MARKS[0]}\n{tables(results)}\n{MARKS[1]}{after}")


def tables(results: dict[str, dict[str, Any]]) -> str:
    """Markdown of all results: a table of the suites, and one for each area of each."""
    parts = [summary(results)]
    for name, suite in results.items():
        parts.append(f"### {name}\n\n{suite['about']} {measured(suite)}")
        for area in dict.fromkeys(row["area"] for row in suite["rows"]):
            rows = [row for row in suite["rows"] if row["area"] == area]
            lines = [cells(row["case"], row["tried"], row["passed"], row["detail"]) for row in rows]
            head = cells(area, "tried", "passed", "") + "\n|---|---:|---:|---|"
            parts.append("\n".join([head, *lines]))
    return "\n\n".join(parts)


def summary(results: dict[str, dict[str, Any]]) -> str:
    """A line for each suite."""
    lines = [cells("", "cases", "tried", "passed", "seconds"), "|---|---:|---:|---:|---:|"]
    for name, suite in results.items():
        tried, passed = (sum(row[key] for row in suite["rows"]) for key in ("tried", "passed"))
        lines.append(cells(name, len(suite["rows"]), tried, passed, suite["seconds"]))
    return "\n".join(lines)


def measured(suite: dict[str, Any]) -> str:
    """Where and how a suite ran."""
    where = suite["where"]
    others = where["others"]
    load = (
        "" if others is None else f", {others:.0%} of the cores busy with other work at the start"
    )
    return (
        f"Seed {suite['seed']}, {suite['seconds']} s of {suite['budget_s']} s; {where['device']}, "
        f"{where['cores']} cores{load}; Python {where['python']}, PyTorch {where['torch']}, commit "
        f"{where['commit']}."
    )


def cells(*values: object) -> str:
    """A line of a table."""
    shown = (f"{v:,}" if isinstance(v, int) else str(v).replace("|", "\\|") for v in values)
    return f"| {' | '.join(shown)} |"
