"""Rows of the tables, and how trials add up to one."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LONGEST = 300
"""Characters of a failure that a row repeats."""
FOLDERS = re.compile(r"(?<![\w.])/(?:[\w.+-]+/)+(?=[\w.+-])")
"""The folders of an absolute path."""


@dataclass(frozen=True)
class Row:
    """A case: what was done to what, how often, and how often all was well afterwards."""

    area: str
    """What was tried: heading of a table."""
    case: str
    """What was done to it."""
    tried: int
    """Number of trials."""
    passed: int
    """Those that ended as they should."""
    detail: str
    """What was measured, the first failure, or why nothing was tried."""

    def line(self) -> str:
        """The row for a terminal."""
        counts = f"{self.passed:,} of {self.tried:,}"
        return f"{self.area}: {self.case}: {counts}  {self.detail}"


class Tally:
    """Trials of one case. A trial whose block raises has failed; the next can still pass."""

    def __init__(self, area: str, case: str) -> None:
        self.area, self.case = area, case
        self.tried = self.passed = 0
        self.failure = ""

    @contextmanager
    def trial(self, name: str = "", count: int = 1) -> Iterator[None]:
        """Count a block as so many trials; `name` says in the row which was the first to fail."""
        self.tried += count
        try:
            yield
        except Exception as error:
            self._note(name, error)
        else:
            self.passed += count

    def fail(self, error: Exception) -> None:
        """Count an error outside of a trial as a trial that failed."""
        self.tried += 1
        self._note("", error)

    def _note(self, name: str, error: Exception) -> None:
        if not self.failure:
            where = traceback.extract_tb(error.__traceback__)[-1]
            # Folders of this machine say nothing to others.
            said = FOLDERS.sub("", " ".join(f"{type(error).__name__}: {error}".split()))
            self.failure = f"{name}: {said[-LONGEST:]} ({where.name}:{where.lineno})".lstrip(": ")

    def row(self, detail: str = "") -> Row:
        """The case as a row, with its first failure if there was one."""
        told = "; ".join(part for part in (detail, self.failure) if part)
        return Row(self.area, self.case, self.tried, self.passed, told)
