"""Faults planted into correct data: named with their file, or missed; and false alarms."""

from __future__ import annotations

import io
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from benchmarks.reliability.planting.base import Fault, NotPlantedError, Plant, write_base
from benchmarks.reliability.planting.export_faults import FAULTS as EXPORTS
from benchmarks.reliability.planting.folder_faults import FAULTS
from benchmarks.reliability.planting.layout_faults import LAYOUTS, faults_of
from benchmarks.reliability.planting.valid import VALID
from benchmarks.reliability.rows import Row, Tally
from tests.data.formats import exports

NAME = "planted"
AREA, ALARMS = "planted faults, named with file and reason", "correct data, without a word"


def run(budget_seconds: float, seed: int, work: Path) -> list[Row]:
    """Plant every fault once; nothing is random. A row for each layout, format and no fault."""
    del seed
    end = time.monotonic() + budget_seconds
    base = write_base(work / "base")
    rows = [row_of("one's own folder", FAULTS, lambda root: shutil.copytree(base, root), checked,
                   work, end)]  # fmt: skip
    for layout in LAYOUTS:
        rows.append(row_of(layout.name, faults_of(layout), layout.write, checked, work, end))
    for kind, faults in EXPORTS.items():
        rows.append(row_of(f"exports of {kind}", faults, exports.EXPORTS[kind], imported, work,
                           end))  # fmt: skip
    rows.append(alarms(VALID, base, work, end))
    return rows


def row_of(
    case: str,
    faults: Sequence[Fault],
    write: Callable[[Path], object],
    tell: Callable[[Path], tuple[int, str]],
    work: Path,
    end: float = float("inf"),
) -> Row:
    """Plant each fault into a correct data set of its own, and look for it in what is told."""
    tally = Tally(AREA, case)
    left_out = []
    for number, fault in enumerate(faults):
        if time.monotonic() > end:
            left_out.append(f"{len(faults) - number} faults: no time left")
            break
        with _folder(work) as root:
            write(root)
            try:
                fault.plant(root)
            except NotPlantedError as error:
                left_out.append(f"{fault.kind}: {error.reason}")
                continue
            with tally.trial(fault.kind):
                code, said = tell(root)
                assert is_named(fault, said), f"missed: {said[-300:]}"
                assert "Traceback" not in said, said
                assert code == 0 or said
    named = f"{tally.passed} named, {tally.tried - tally.passed} missed"
    return tally.row("; ".join([named, *(f"not planted: {text}" for text in left_out)]))


def is_named(fault: Fault, said: str) -> bool:
    """Whether one message names the file of a fault and says what is wrong."""
    words = re.compile(fault.words)
    return any(fault.file in line and words.search(line) for line in said.splitlines())


def alarms(variants: dict[str, Plant], base: Path, work: Path, end: float = float("inf")) -> Row:
    """Check data sets without faults: a fault or anything worth a look is a false alarm."""
    tally = Tally(ALARMS, "unusual and right")
    for name, change in variants.items():
        if time.monotonic() > end:
            break
        with _folder(work) as root:
            shutil.copytree(base, root)
            change(root)
            with tally.trial(name):
                code, said = checked(root)
                told = [line for line in said.splitlines() if line.startswith("- ")]
                assert not told, "; ".join(told)
                assert code == 0, said[-300:]
    return tally.row(f"{tally.tried - tally.passed} false alarms")


def checked(root: Path) -> tuple[int, str]:
    """Exit code and words of `contextseg data check`."""
    return _told(["data", "check", str(root), "--no-sheet", "--workers", "1"])


def imported(root: Path) -> tuple[int, str]:
    """Exit code and words of `contextseg data import`."""
    return _told(["data", "import", str(root), "-o", str(root.parent / "imported")])


def _told(words: list[str]) -> tuple[int, str]:
    from contextseg.cli.__main__ import main

    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = main(words)
    return code, said.getvalue()


@contextmanager
def _folder(work: Path) -> Iterator[Path]:
    """Where a data set goes; it is removed with all beside it."""
    with tempfile.TemporaryDirectory(dir=work) as place:
        yield Path(place) / "data"
