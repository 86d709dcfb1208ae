"""Progress as log lines, for files and pipes: no control characters, at regular intervals."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TextIO

from contextseg.system.progress.task import Task
from contextseg.system.terminal import printable


class Lines:
    """A line at every interval, one whenever a task has news, and one when it ends.

    The first line appears after half an interval, or after a full one if no task is open. Shorter
    work has none.

    Args:
        stream: where to write; its reader may disappear.
        interval: seconds between lines.
        clock: monotonic clock, in seconds.
    """

    def __init__(
        self, stream: TextIO, interval: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream: TextIO | None = stream
        self._interval = interval
        self._clock = clock
        self._latest = clock()
        self._is_first = True

    def tick(self, tasks: Sequence[Task]) -> None:
        """Write a line if it is time."""
        now, (between, *inner) = self._clock(), tasks
        soon = self._is_first and inner
        is_due = now - self._latest >= self._interval / (2 if soon else 1)
        if is_due or any(task.news for task in tasks):
            self._write("; ".join(status(task, now) for task in inner or [between]), now)
            for task in tasks:
                task.news = False

    def close(self, task: Task, *, failed: bool) -> None:
        """Write the outcome of a task, if it took a while."""
        now = self._clock()
        seconds = now - task.started
        if not failed and (task.news or seconds >= self._interval / 2):
            stopped = task.total is not None and task.done < task.total
            end = f"{'stopped after' if stopped else 'done in'} {duration(seconds)}"
            text = "" if task.total is None else task.text  # without a total: only the last stage
            self._write(_joined(task, [*_count(task), text, end]), now)

    def _write(self, line: str, now: float) -> None:
        """Write a whole line at once, so that processes that share the stream do not mix lines."""
        self._latest, self._is_first = now, False
        if self._stream is None:
            return
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        line = line.encode(encoding, "backslashreplace").decode(encoding)
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):  # closed, or the reader is gone: carry on in silence
            self._stream = None


def status(task: Task, now: float) -> str:
    """Where a task stands: `evaluating: 3 of 21 images, 1.2 images/s, 4 s elapsed, 15 s left`."""
    speed, left = task.speed(), task.seconds_left(now)
    return _joined(
        task,
        [
            *_count(task),
            task.text,
            f"{rate(speed)} images/s" if speed is not None and task.unit == "images" else "",
            f"{duration(now - task.started)} elapsed",
            "" if left is None else f"{duration(left)} left",
        ],
    )


def duration(seconds: float) -> str:
    """`12 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def rate(speed: float) -> str:
    """A speed with at least two digits: `0.25`, `3.1`, `48`, `1200`."""
    return f"{speed:.2f}" if speed < 1 else f"{speed:.1f}" if speed < 10 else f"{speed:.0f}"


def _count(task: Task) -> list[str]:
    return [] if task.total is None else [f"{task.done} of {task.total} {task.unit}"]


def _joined(task: Task, parts: Sequence[str]) -> str:
    return printable(f"{task.description}: {', '.join(part for part in parts if part)}")
