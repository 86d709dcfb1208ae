"""Run a parser on changed content, over and over, and count what comes of it."""

from __future__ import annotations

import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from benchmarks.reliability.fuzz.mutation import Mutation

SECONDS = 10
"""Processor time of a case, above which it counts as hanging."""
REFUSALS = (ValueError, OSError)
"""What readers document for content that they cannot take."""


@dataclass(frozen=True)
class Target:
    """A parser with what it is fed."""

    name: str
    """Of the parser."""
    parse: Callable[[bytes], object]
    """Reads content; raises one of `REFUSALS` if it cannot take it."""
    mutation: Mutation
    """Makes content."""


@dataclass
class Outcome:
    """What came of the cases of a target."""

    name: str
    cases: int = 0
    values: int = 0
    """Cases that ended in a value."""
    refused: int = 0
    """Cases that ended in one of `REFUSALS`."""
    crashes: Counter[str] = field(default_factory=Counter)
    """What else came, by exception and place; the first case of each is in `examples`."""
    examples: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Number and content of the first case of each crash."""
    seconds: float = 0.0
    slowest: float = 0.0
    """Seconds of the slowest case."""


class HangError(BaseException):
    """A case took too long. No `Exception`: readers catch these."""


def fuzz(
    target: Target, seconds: float, seed: int, most: int | None = None, first: int = 0
) -> Outcome:
    """Feed a target for some seconds, or `most` cases from number `first` on."""
    outcome = Outcome(target.name)
    begin = now = time.monotonic()
    with _limited():
        while now - begin < seconds and (most is None or outcome.cases < most):
            number = first + outcome.cases
            content = target.mutation(random.Random(seed << 40 | number))
            _one(target, content, number, outcome)
            outcome.cases += 1
            before, now = now, time.monotonic()
            outcome.slowest = max(outcome.slowest, now - before)
    outcome.seconds = now - begin
    return outcome


def _one(target: Target, content: bytes, number: int, outcome: Outcome) -> None:
    try:
        _alarm(SECONDS)
        target.parse(content)
        outcome.values += 1
    except REFUSALS:
        outcome.refused += 1
    except (Exception, HangError, SystemExit) as error:
        where = described(error)
        outcome.crashes[where] += 1
        outcome.examples.setdefault(where, (number, content))


def described(error: BaseException) -> str:
    """The kind of an exception and the last place of ours that it went through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "contextseg" in Path(frame.filename).parts]
    last = (ours or frames)[-1]
    kind = type(error).__name__
    return f"{kind} in {Path(last.filename).name}:{last.lineno} ({last.name})"


def _alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


@contextmanager
def _limited() -> Iterator[None]:
    """Turn the alarm into an exception."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise HangError(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, ring)
    try:
        yield
    finally:
        _alarm(0)
        signal.signal(signal.SIGPROF, before)
