"""Progress of long work: bars on a terminal, log lines everywhere else.

Work opens `with track("evaluating", "images") as task:` and calls `task(done, total)`. This is
displayed inside a `shown` block, which every command opens, and costs nothing otherwise. The
display has its own thread, so log lines appear on time even while a single step takes minutes.
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
"""Seconds between lines: fewer than the 15 that are promised, because a thread may wake up late."""
VARIABLE = "CONTEXTSEG_PROGRESS_INTERVAL"
"""Environment variable that sets another interval."""
TICK = 0.25
"""Maximum seconds between two updates of the display."""


class View(Protocol):
    """A display of tasks."""

    def tick(self, tasks: Sequence[Task]) -> None:
        """Show tasks, outermost first. The first stands for the work outside of all others."""
        ...

    def close(self, task: Task, *, failed: bool) -> None:
        """A task has ended."""
        ...


class _Showing:
    """A view, the tasks that it shows, and the thread that updates it."""

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
    """Disable the display in a forked process: it has no display thread, and its parent reports."""
    global _showing
    _showing = None
    _LOCK.release()


if hasattr(os, "register_at_fork"):  # hold the lock: no fork while a line is half written
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_forget)


@contextmanager
def shown(description: str, view: View | None = None) -> Iterator[None]:
    """Show the tasks of this block on standard error; inside another such block, do nothing.

    Args:
        description: shown while no task is open.
        view: another display.

    Raises:
        ValueError: the interval in the environment is not a number of seconds.
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
    """A task for the duration of the block, shown if there is a display.

    Args:
        description: what is being done.
        unit: what is counted.
        also: a further callback, called with the number done and the total.
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
    """Set the text of the innermost task: what it is doing now."""
    if _showing is not None:
        _showing.tasks[-1].text = text


def _view() -> View | None:
    """Bars on a terminal and in notebooks, lines elsewhere.

    None without standard error, or if another process of the same run reports.
    """
    interval, stream = _interval(), sys.stderr
    if stream is None or getattr(stream, "closed", False):
        return None
    if not world_of().is_first:
        return None
    is_terminal = getattr(stream, "isatty", bool)()  # a substitute stream may lack it
    # With FORCE_COLOR, rich takes a file for a terminal and would write control characters to it.
    if is_terminal or "ipykernel" in sys.modules:
        from contextseg.system.progress.bars import Bars, NotebookBars, console_for_bars

        console = console_for_bars()
        if console is not None:
            return NotebookBars(console) if console.is_jupyter else Bars(console)
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
