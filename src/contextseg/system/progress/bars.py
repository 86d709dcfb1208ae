"""Progress as bars that move, for terminals and notebooks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from contextseg.system.progress.task import Task
from contextseg.system.terminal import guarded, printable, raw


def console_for_bars() -> Console | None:
    """Standard error, if it can show moving bars."""
    console = Console(file=raw(sys.stderr))
    if console.is_jupyter:
        return console if find_spec("ipywidgets") else None
    return console if console.is_interactive else None


class Bars:
    """A bar for each task.

    The first bar appears at the first tick, so that a command that fails at once shows none.
    Finished bars stay on the screen; those of tasks that counted nothing or failed are removed, so
    that the message of a failure stands alone.

    Args:
        console: where to draw.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Progress | None = None
        self._rows: dict[Task, TaskID] = {}

    def tick(self, tasks: Sequence[Task]) -> None:
        """Draw the state of the tasks; nothing while none is open."""
        with suppress(OSError, ValueError):  # the terminal is gone: carry on without it
            for task in tasks[1:]:
                self._draw(task)

    def close(self, task: Task, *, failed: bool) -> None:
        """Keep the finished bar, or remove it."""
        kept = task.total is not None and not failed
        with suppress(OSError, ValueError):
            if kept:
                self._draw(task)
            row = self._rows.pop(task, None)
            if self._bars is None or row is None:
                return
            if self._rows:  # inside another task, which is still running
                self._bars.remove_task(row)
                return
            bars, self._bars = self._bars, None
            bars.live.transient = not kept
            bars.stop()

    def _draw(self, task: Task) -> None:
        is_new = self._bars is None
        if self._bars is None:
            self._bars = _new_bars(self._console)
        if task not in self._rows:
            self._rows[task] = self._bars.add_task("", total=None, count="", text="")
        self._bars.update(
            self._rows[task],
            description=printable(task.description),
            total=task.total,
            completed=task.done,
            count="" if task.total is None else f"{task.done}/{task.total}",
            text=printable(task.text),
        )
        if is_new:
            self._bars.start()
            # rich now draws above the bars what is printed, and takes escapes in it for styles.
            sys.stdout, sys.stderr = map(guarded, (sys.stdout, sys.stderr))


def _new_bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[count]}", markup=False, style="progress.download"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        console=console,
        refresh_per_second=4,
        # Results written to a file or a pipe must not be mixed with the bars.
        redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
    )
