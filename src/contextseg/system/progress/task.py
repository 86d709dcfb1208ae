"""Work that takes long, and how far it has come."""

from __future__ import annotations

import time
from collections.abc import Callable

ALIKE = ("images", "steps")
"""Units that a time left can be told of."""


class Task:
    """Work that takes long. Whoever does it calls the task; a display reads it.

    Args:
        description: what is being done.
        unit: what is counted: `images` or `steps`, which take about the same time each, or another.
        also: called with the number done and the total, too.
        clock: seconds that only go up.
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
        """What else there is to say, such as the loss."""
        self.done = 0
        self.total: int | None = None
        self.news = False
        """Whether to say it at once; the display takes it back."""
        self.poll: Callable[[], None] | None = None
        """Called before the task is shown: gets its state where another process does the work."""
        self.started = clock()
        self._also = also
        self._clock = clock
        self._first = self._latest = (0.0, 0)
        """When how many were done."""

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` are done."""
        now = self._clock()
        if self.total is None:
            self._first = self._latest = (now, done)
        elif done != self.done:
            self._latest = (now, done)
        self.done, self.total = done, total
        if self._also is not None:
            self._also(done, total)

    def speed(self) -> float | None:
        """Units a second since the first was done: what set-up took does not count.

        None before a second one is done.
        """
        (start, few), (end, many) = self._first, self._latest
        return (many - few) / (end - start) if many > few and end > start else None

    def seconds_left(self, now: float) -> float | None:
        """At that speed; None where it is not known, such as that of a last one that is late."""
        speed = self.speed()
        if speed is None or self.total is None or self.unit not in ALIKE:
            return None
        (start, few), (end, many) = self._first, self._latest
        rest, waited = self.total - self.done, now - end
        if rest > 0 and waited <= 1 / speed:
            return rest / speed - waited
        # One is late: count as if it were done just now, so that the time left grows with it.
        return (rest - 1) * (now - start) / (many + 1 - few) if rest > 1 else None
