"""Options for reading the images of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass

from contextseg.data.workers import Workers


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Options of an evaluation that all tasks share."""

    limit: int | None
    """Number of images to score, from the beginning; None scores all."""
    workers: Workers
    """Processes that read images ahead; 0 reads them in this one."""
    progress: Callable[[int, int], None] | None
    """Called with the number of images done and the total."""

    def total(self, data: Sized) -> int:
        """Number of images of `data` to score."""
        return len(data) if self.limit is None else min(self.limit, len(data))
