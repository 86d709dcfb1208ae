"""Ctrl-C and SIGTERM during a training."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
STOPPED = 130
"""Exit code of a process that was stopped."""


class InterruptedRunError(SystemExit):
    """The user stopped the run.

    It ends a spawned process without a traceback, and no `except Exception` holds it up.
    """

    def __init__(self) -> None:
        super().__init__(STOPPED)


class _Handlers:
    """Handlers of the signals, and what was there before them."""

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}

    def install(self, handler: Callable[[int, FrameType | None], None]) -> None:
        """Take over the signals; only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, handler) for number in SIGNALS}

    def restore(self) -> None:
        """Give the signals back."""
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


class StopSignals:
    """The first signal asks the training to stop when it can; a second one ends it at once.

    Args:
        several: whether this is one of several processes. Then any number of signals asks, since a
            terminal sends them to the launcher and its processes, and the launcher passes them on;
            it is the launcher that ends its processes.
    """

    def __init__(self, several: bool = False) -> None:
        self.asked = False
        self._several = several
        self._handlers = _Handlers()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A block that has the signals."""
        self._handlers.install(self._on_signal)
        try:
            yield
        finally:
            self._handlers.restore()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        at_once = self.asked and not self._several
        self.asked = True
        if at_once:
            self._handlers.restore()
            raise InterruptedRunError


@contextmanager
def hand_on_signals(processes: Sequence[Any]) -> Iterator[Callable[[], bool]]:
    """A block in which the first signal goes on to processes, and a second one ends them.

    Args:
        processes: of multiprocessing.

    Yields:
        A function that tells whether there was a signal.
    """
    asked, handlers = False, _Handlers()

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        second, asked = asked, True
        for process in processes:
            if second:
                process.kill()
            elif sys.platform != "win32":  # there, the terminal tells the children, and nobody else
                process.terminate()
        if second:
            raise InterruptedRunError

    handlers.install(on_signal)
    try:
        yield lambda: asked
    finally:
        handlers.restore()
