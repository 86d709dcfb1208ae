"""How far long work has come: bars on a terminal, lines of a log everywhere else.

Work says `with track("evaluating", "images") as task:` and calls `task(done, total)`. That is shown
while somebody has opened a display with `shown`, as every command does, and costs nothing
otherwise. A thread of the display speaks, so that there is a line in time even while one step
takes minutes.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from contextseg.system.progress.lines import Lines
from contextseg.system.progress.task import Task
from contextseg.system.world import world_of

__all__ = ["Task", "View", "shown", "stage", "track"]

INTERVAL = 10.0
"""Seconds between lines: fewer than the 15 that are promised, as a thread may wake up late."""
VARIABLE = "CONTEXTSEG_PROGRESS_INTERVAL"
"""Environment variable with another interval."""
TICK = 0.25
"""Seconds between two looks at the work, at most."""


class View(Protocol):
    """Where tasks are shown."""

    def tick(self, tasks: Sequence[Task]) -> None:
        """Show tasks, the outermost first. The first stands for all of the work between them."""
        ...

    def close(self, task: Task, *, failed: bool) -> None:
        """A task has ended."""
        ...


class _Showing:
    """A view, the tasks that it shows, and the thread that keeps it up to date."""

    def __init__(self, view: View, description: str, tick: float) -> None:
        self.view = view
        self.tasks = [Task(description)]
        self.tasks[0].text = "starting"
        self._tick = tick
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._tick):
            with _LOCK:
                for task in self.tasks:
                    if task.poll is not None:
                        task.poll()
                self.view.tick(self.tasks)

    def open(self, task: Task) -> None:
        with _LOCK:
            self.tasks[0].text = "working"
            self.tasks.append(task)

    def close(self, task: Task, *, failed: bool) -> None:
        with _LOCK:
            if task.poll is not None:
                task.poll()
            self.tasks.remove(task)
            self.view.close(task, failed=failed)


_LOCK = threading.RLock()
_showing: _Showing | None = None


def _forget() -> None:
    """A forked process has no thread that shows anything, and leaves speaking to its parent."""
    global _showing
    _showing = None
    _LOCK.release()


if hasattr(os, "register_at_fork"):  # nobody forks while a line is half written
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_forget)


@contextmanager
def shown(description: str, view: View | None = None) -> Iterator[None]:
    """Show the tasks of this block on standard error; within another such block, do nothing.

    Args:
        description: what is said between tasks.
        view: another place to show them.

    Raises:
        ValueError: the interval in the environment is no number of seconds.
    """
    global _showing
    view = view or (_view() if _showing is None else None)
    if _showing is not None or view is None:
        yield
        return
    _showing = _Showing(view, description, min(TICK, _interval() / 4))
    try:
        with _showing:
            yield
    finally:
        _showing = None


@contextmanager
def track(
    description: str, unit: str = "images", also: Callable[[int, int], None] | None = None
) -> Iterator[Task]:
    """A task for the time of the block, shown if there is a display.

    Args:
        description: what is being done.
        unit: what is counted.
        also: called with the number done and the total, too.
    """
    task, showing, failed = Task(description, unit, also), _showing, True
    if showing is not None:
        showing.open(task)
    try:
        yield task
        failed = False
    finally:
        if showing is not None:
            showing.close(task, failed=failed)


def stage(text: str) -> None:
    """Say what the innermost task is at."""
    if _showing is not None:
        _showing.tasks[-1].text = text


def _view() -> View | None:
    """Bars on a terminal and in notebooks that can draw them, lines elsewhere.

    None where there is no standard error, or where another process of the same work speaks.
    """
    interval, stream = _interval(), sys.stderr
    if stream is None or getattr(stream, "closed", False):
        return None
    if not world_of().is_first:
        return None
    is_terminal = getattr(stream, "isatty", bool)()  # what stands in for a stream may lack it
    # FORCE_COLOR makes rich take a file for a terminal, whose log would hold control characters.
    if is_terminal or "ipykernel" in sys.modules:
        from contextseg.system.progress.bars import Bars, console_for_bars

        console = console_for_bars()
        if console is not None:
            return Bars(console)
    return Lines(stream, interval)


def _interval() -> float:
    text = os.environ.get(VARIABLE, "")
    if not text:
        return INTERVAL
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise ValueError(f"{VARIABLE} must be a number of seconds above 0, got {text!r}.")
    return seconds
