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
    """Standard error, if bars can move there."""
    console = Console(file=raw(sys.stderr))
    if console.is_jupyter:
        return console if find_spec("ipywidgets") else None
    return console if console.is_interactive else None


class Bars:
    """A bar for each task. The first appears with the first look at it: a refusal comes before.

    Finished bars stay on the screen; those that counted nothing go.

    Args:
        console: where to draw.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Progress | None = None
        self._rows: dict[Task, TaskID] = {}

    def tick(self, tasks: Sequence[Task]) -> None:
        """Draw where the tasks stand; there is nothing to see between them."""
        with suppress(OSError, ValueError):  # the terminal has gone: the work goes on
            for task in tasks[1:]:
                self._draw(task)

    def close(self, task: Task, *, failed: bool) -> None:
        """Leave the bar as it is, or take it away."""
        kept = task.total is not None and not (failed and task.done == 0)
        with suppress(OSError, ValueError):
            if kept:
                self._draw(task)
            row = self._rows.pop(task, None)
            if self._bars is None or row is None:
                return
            if self._rows:  # within another one, which goes on
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
        # Results in a file or a pipe must not come out among the bars.
        redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
    )
