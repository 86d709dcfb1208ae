"""Saved results as Markdown, for the pages in docs/ops.

python -m benchmarks.tables docs/ops/results/encode.json ...
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def main() -> None:
    """Print a table for each file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, help="what --save of a benchmark wrote")
    for path in parser.parse_args().files:
        print(table(json.loads(path.read_text(encoding="utf-8"))))


def table(results: dict[str, Any]) -> str:
    """The rows of one file, each ratio to the baseline of its group, and where they are from."""
    where, baseline = results["where"], results["baseline"]
    on_gpu = any("call_ms" in row for row in results["rows"])
    digits = 3 if on_gpu else 1  # of milliseconds
    lines = [
        f"| {results['title']} | form | median | p20 to p80 | speed | extra memory | share |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    if on_gpu:
        lines = [lines[0] + " a call |", lines[1] + " ---: |"]
    last = None
    for row in results["rows"]:
        group = "" if row["group"] == last else row["group"]
        last = row["group"]
        by_calls = " (by calls)" if row.get("timed_by") == "calls" else ""
        cells = [
            group,
            f"{row['case']} (baseline)" if row["case"] == baseline else row["case"],
            f"{row['ms']:,.{digits}f} ms{by_calls}",
            f"{row['ms_p20']:,.{digits}f} to {row['ms_p80']:,.{digits}f}",
            shown(row["speed_ratio"], "{:.2f} ×"),
            shown(row["memory_mib"], "{:,.1f} MiB"),
            shown(row["memory_ratio"], "{:.3f}"),
        ]
        if on_gpu:
            cells.append(shown(row.get("call_ms"), "{:,.3f} ms"))
        lines.append(f"| {' | '.join(cells)} |")
    machine = f"{where['device']}, {where['cores']} cores, {where['threads']} threads"
    others = where.get("others")
    busy = "" if others is None else f"; other processes took {others:.0%} of the cores before it"
    lines += [
        "",
        f"`{results['command']}` on {machine}, Python {where['python']}, PyTorch {where['torch']}, "
        f"commit {where['commit']}{busy}.",
    ]
    if on_gpu:
        lines[-1] += (
            " Times are of the GPU, of a captured CUDA graph where nothing else is said; a call is "
            "the wall-clock time of one, launching included."
        )
    return "\n".join(lines) + "\n"


def shown(value: float | None, form: str) -> str:
    """A figure, or nothing where there is none."""
    return "" if value is None else form.format(value)


if __name__ == "__main__":
    main()
