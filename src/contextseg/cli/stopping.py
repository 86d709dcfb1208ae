"""SIGTERM during a command: like Ctrl-C, so that it cleans up and says so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TerminatedError(KeyboardInterrupt):
    """The process was asked to end. Whatever handles Ctrl-C handles it too."""


@contextmanager
def stops_at_sigterm() -> Iterator[None]:
    """A block in which SIGTERM raises `TerminatedError`.

    By default it ends a process on the spot: temporary files stay, and nobody is told. A handler
    that somebody has installed, or the wish to ignore the signal, stays in force.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return
    signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _stop(number: int, frame: FrameType | None) -> None:
    raise TerminatedError
