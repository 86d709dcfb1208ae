"""A process of several ends when the others have failed, or when it hangs itself.

An error that the main thread waits for, such as a collective's timeout, comes first and with a
message. This is for a main thread that never gets to see it: stuck in a read from a disk that does
not answer, or stopped as a whole.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

GUARD = Path(__file__).with_name("guard.py")
INTERVAL = 2.0
"""Seconds between signs of life, at most."""
GRACE = 15.0
"""Seconds for the main thread to end with a message once others have failed."""


@contextmanager
def watched(store: Store, timeout: float) -> Iterator[None]:
    """Watch over this process for the time of the block, and tell the others if the block fails.

    Args:
        store: shared with the others; this makes a connection of its own.
        timeout: seconds without a sign of life after which this process is killed.
    """
    ended, mine = threading.Event(), store.clone()
    with _guard(timeout) as pipe:
        thread = threading.Thread(
            target=_watch, args=(mine, pipe, timeout, ended), name="watch", daemon=True
        )
        thread.start()
        try:
            yield
        except BaseException:
            with suppress(RuntimeError):
                store.set("failed", "")
            raise
        finally:
            ended.set()
            thread.join(GRACE)


def _watch(store: Store, pipe: int, timeout: float, ended: threading.Event) -> None:
    """Show signs of life, until others have failed and the main thread does not notice."""
    failed = None
    while not ended.wait(min(INTERVAL, timeout / 4)):
        with suppress(OSError):  # the guard was ended
            os.write(pipe, b".")
        if failed is None and _others_failed(store):
            failed = time.monotonic()
        if failed is not None and time.monotonic() - failed > GRACE:
            sys.stderr.write("another process failed, and this one hangs: ended\n")
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def _others_failed(store: Store) -> bool:
    try:
        return store.check(["failed"])
    except RuntimeError:  # the process that keeps the store has gone
        return True


@contextmanager
def _guard(timeout: float) -> Iterator[int]:
    """The file descriptor of a guard's standard input."""
    command = [sys.executable, "-I", str(GUARD), str(os.getpid()), str(timeout)]
    # In a session of its own, Ctrl-C does not reach it.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as guard:
        assert guard.stdin is not None
        try:
            yield guard.stdin.fileno()
        finally:  # data workers may keep the pipe open
            with suppress(OSError):
                os.write(guard.stdin.fileno(), b"q")
