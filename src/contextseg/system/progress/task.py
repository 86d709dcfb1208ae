"""A long task and its progress."""

from __future__ import annotations

import time
from collections.abc import Callable

ALIKE = ("images", "steps", "frames")
"""Units that take about the same time each, so that the remaining time can be estimated."""


class Task:
    """A long task. The code that does the work calls it; a display reads it.

    Args:
        description: what is being done.
        unit: what is counted: `images`, `steps` or `frames`, which take about the same time each,
            or another.
        also: a further callback, called with the number done and the total.
        clock: monotonic clock, in seconds.
    """

    def __init__(
        self,
        description: str,
        unit: str = "images",
        also: Callable[[int, int], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.description = description
        self.unit = unit
        self.text = ""
        """Additional text, such as the loss."""
        self.done = 0
        self.total: int | None = None
        self.news = False
        """Whether to show it at once; the display resets it."""
        self.poll: Callable[[], None] | None = None
        """Called before the task is shown: fetches its state if another process does the work."""
        self.started = clock()
        self._also = also
        self._clock = clock
        self._first = self._latest = (0.0, 0)
        """Time of an update, and how many were done then."""

    def __call__(self, done: int, total: int) -> None:
        """Report that `done` of `total` are done."""
        now = self._clock()
        if self.total is None:
            self._first = self._latest = (now, done)
        elif done != self.done:
            self._latest = (now, done)
        self.done, self.total = done, total
        if self._also is not None:
            self._also(done, total)

    def speed(self) -> float | None:
        """Units per second since the first update, so that set-up does not count.

        None before a second update.
        """
        (start, few), (end, many) = self._first, self._latest
        return (many - few) / (end - start) if many > few and end > start else None

    def seconds_left(self, now: float) -> float | None:
        """Seconds left at that speed; None if unknown, such as when the last unit is overdue."""
        speed = self.speed()
        if speed is None or self.total is None or self.unit not in ALIKE:
            return None
        (start, few), (end, many) = self._first, self._latest
        rest, waited = self.total - self.done, now - end
        if rest > 0 and waited <= 1 / speed:
            return rest / speed - waited
        # One is overdue: count it as if it were done just now, so that the estimate grows.
        return (rest - 1) * (now - start) / (many + 1 - few) if rest > 1 else None
