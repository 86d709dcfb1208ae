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
    lines = [
        f"| {results['title']} | form | median | p20 to p80 | speed | extra memory | share |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    last = None
    for row in results["rows"]:
        group = "" if row["group"] == last else row["group"]
        last = row["group"]
        cells = [
            group,
            f"{row['case']} (baseline)" if row["case"] == baseline else row["case"],
            f"{row['ms']:,.1f} ms",
            f"{row['ms_p20']:,.1f} to {row['ms_p80']:,.1f}",
            shown(row["speed_ratio"], "{:.2f} ×"),
            shown(row["memory_mib"], "{:,.1f} MiB"),
            shown(row["memory_ratio"], "{:.3f}"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    machine = f"{where['device']}, {where['cores']} cores, {where['threads']} threads"
    others = where.get("others")
    busy = "" if others is None else f"; other processes took {others:.0%} of the cores before it"
    lines += [
        "",
        f"`{results['command']}` on {machine}, Python {where['python']}, PyTorch {where['torch']}, "
        f"commit {where['commit']}{busy}.",
    ]
    return "\n".join(lines) + "\n"


def shown(value: float | None, form: str) -> str:
    """A figure, or nothing where there is none."""
    return "" if value is None else form.format(value)


if __name__ == "__main__":
    main()
