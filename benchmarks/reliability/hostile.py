"""Hostile files through the commands that open them: nothing runs, hangs or fills the memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.reliability.rows import Row, Tally
from tests.hostile.corpus import CORPUS, MIB, RAN, SECONDS, Outcome, outcomes

NAME = "hostile"
SHARE = 4.0
AREA = f"hostile files: refused in one message, within {SECONDS} s and {MIB} MiB, nothing executed"
TITLES = {
    "model_files": "models whose descriptions claim too much", "exported_files": "exported files",
    "yaml_files": "YAML", "json_files": "JSON", "weights": "checkpoints, to convert and to start",
    "last_checkpoints": "checkpoints, to resume", "picture_files": "pictures and arrays",
    "tensor_files": "safetensors, and pickles under other names", "archive_files": "archives",
    "annotation_files": "exports of annotation tools",
}  # fmt: skip


def run(budget_seconds: float, seed: int, work: Path) -> list[Row]:
    """Open every file of the corpus; nothing is random. A row for each room."""
    del seed
    if not Path("/proc/self/status").is_file():
        return [Row(AREA, "all", 0, 0, "not tried: memory is measured by the /proc of Linux")]
    end = time.monotonic() + budget_seconds
    rows = []
    for room in CORPUS:
        if time.monotonic() > end:
            rows.append(Row(AREA, TITLES[room], 0, 0, "not tried: no time left"))
            continue
        folder = work / room
        folder.mkdir()
        found, reason = outcomes(room, folder)
        rows.append(row_of(room, found, reason, (folder / RAN).exists()))
    return rows


def row_of(room: str, found: Sequence[Outcome], reason: str, has_run: bool) -> Row:
    """Count the files that were refused as they should be.

    Args:
        room: of the corpus.
        found: what became of its files.
        reason: why the process ended early; empty if it did not.
        has_run: whether code of one of them was executed.
    """
    tally = Tally(AREA, TITLES[room])
    for each in found:
        with tally.trial(f"{each.name}, {each.command}"):
            assert each.is_fair, f"{each.code}, {each.seconds:.1f} s: {each.said[-200:]}"
    if reason or has_run:
        with tally.trial("the room"):
            raise AssertionError("code was executed" if has_run else reason)
    files = len({each.name for each in found})
    most = max((each.mib for each in found), default=0.0)
    slowest = max((each.seconds for each in found), default=0.0)
    return tally.row(f"{files} files; at most {most:.0f} MiB and {slowest:.1f} s of processor time")
