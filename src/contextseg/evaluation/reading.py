"""How the images of an evaluation are read."""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass

from contextseg.data.workers import Workers


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Options of an evaluation that are the same for every task."""

    limit: int | None
    """Images to take from the beginning; None takes all."""
    workers: Workers
    """Processes that read images ahead; 0 reads them in this one."""
    progress: Callable[[int, int], None] | None
    """Called with the images done and their total."""

    def total(self, data: Sized) -> int:
        """Images of `data` that are taken."""
        return len(data) if self.limit is None else min(self.limit, len(data))
