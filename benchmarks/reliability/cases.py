"""Cases that share the time of a suite, in a process that is fit to be forked."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reliability.rows import Row, Tally
from tests.processes import Command

TOLD = "row: "
"""Begins lines that are for people who wait."""


class NotTriedError(Exception):
    """The machine does not allow a case; the message says what is missing."""


@dataclass(frozen=True)
class Case:
    """A case, which is tried until its time is over, and at least once."""

    area: str
    name: str
    work: Callable[[Tally, float], str | None]
    """Takes the tally of its trials and when to stop (`time.monotonic`); returns a detail."""
    weight: float = 1.0
    """Part of the suite's time."""


def run_cases(cases: Sequence[Case], seconds: float) -> list[Row]:
    """Run cases in turn; what one leaves of its time goes to those after it.

    A case that fails outside of a trial counts as a failed trial, and the others still run.
    """
    end, rows = time.monotonic() + seconds, []
    for number, case in enumerate(cases):
        share = case.weight / sum(each.weight for each in cases[number:])
        now = time.monotonic()
        tally, detail = Tally(case.area, case.name), None
        try:
            detail = case.work(tally, now + share * max(0.0, end - now))
            if tally.tried == 0:
                raise RuntimeError("nothing was tried")
        except NotTriedError as reason:
            detail = f"not tried: {reason}"
        except Exception as error:
            tally.fail(error)
        rows.append(tally.row(detail or ""))
        print(f"{TOLD}{rows[-1].line()}", flush=True)
    return rows


def apart(function: Callable[..., list[Row]], *arguments: object, save: Path) -> list[Row]:
    """Call a function in a process that has imported much and done nothing.

    Forks of it start at once; those of a process that has used PyTorch may hang on its threads.

    Args:
        function: can be pickled, as can its arguments.
        save: a file to hand the rows over in.
    """
    command = Command(_save, function, arguments, save)
    said = ""
    for line in command.stdout:
        if line.startswith(TOLD):
            print(line.removeprefix(TOLD), end="", flush=True)
        else:
            said += line
    command.rest()
    if command.returncode != 0:
        raise RuntimeError(f"ended with {command.returncode}: {said[-2000:]}")
    return pickle.loads(save.read_bytes())


def _save(function: Callable[..., list[Row]], arguments: tuple[object, ...], save: Path) -> None:
    save.write_bytes(pickle.dumps(function(*arguments)))
