"""Processes of their own for tests, without paying for imports in each.

A new interpreter spends seconds on PyTorch and Lightning. Where the system has a fork server, one
process imports them once, and each test forks from it; elsewhere each is spawned.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any

import torch.multiprocessing

START = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
# Nothing here may import Triton's kernels or start threads.
IMPORTED = ["torch", "numpy", "cv2", "PIL.Image", "lightning.pytorch", "timm"]
SECONDS = 300
"""Time after which a process counts as hanging: generous, since machines are shared."""

CONTEXT = multiprocessing.get_context(START)
CONTEXT.set_forkserver_preload(IMPORTED)


def together(work: Callable[..., None], *arguments: Any, processes: int = 2) -> None:
    """Run `work(rank, *arguments)` in several processes at once; an error in one is raised."""
    torch.multiprocessing.start_processes(
        _one_of, (work, *arguments), processes, start_method=START
    )


def _one_of(rank: int, work: Callable[..., None], *arguments: Any) -> None:
    _as_if_new()
    work(rank, *arguments)


def _as_if_new() -> None:
    # What a process of the fork server starts would come from a server of its own, which outlives
    # it when it is killed.
    multiprocessing.set_start_method(None, force=True)
    torch.set_num_threads(1)
    # A shell ignores Ctrl-C for what it starts in the background, and so do all its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def printed(code: str) -> str:
    """What code prints in a process of its own; it can `from tests...` import."""
    ours, theirs = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_run, args=(code, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(SECONDS):
            raise TimeoutError(f"no answer in {SECONDS} s")
        succeeded, said = ours.recv()
    except EOFError:
        succeeded, said = False, "the process ended without a word"
    finally:
        process.join(10)
        process.kill()
    assert succeeded, said
    return said


def _run(code: str, answer: Connection) -> None:
    _as_if_new()
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        answer.send((True, said.getvalue()))
    except BaseException:
        answer.send((False, traceback.format_exc()))


class Command:
    """A function that runs in a process of its own, with its output to read line by line.

    Used as `subprocess.Popen` is, of which it has what tests need.
    """

    def __init__(
        self, function: Callable[..., None], *arguments: Any, context: BaseContext = CONTEXT
    ) -> None:
        out, theirs = context.Pipe(duplex=False)
        self.process = context.Process(  # pyright: ignore[reportAttributeAccessIssue]
            target=_speak, args=(theirs, function, arguments)
        )
        self.process.start()
        theirs.close()
        self.stdout = os.fdopen(os.dup(out.fileno()), "r", encoding="utf-8")
        out.close()
        self.pid = self.process.pid

    def send_signal(self, number: int) -> None:
        """Send a signal to the process."""
        assert self.pid is not None
        os.kill(self.pid, number)

    def rest(self) -> str:
        """Wait for the end, and return what was not read yet of both outputs."""
        said = self.stdout.read()
        self.process.join(SECONDS)
        self.stdout.close()
        return said

    @property
    def returncode(self) -> int | None:
        """As of `Popen`: minus the number of the signal that ended it."""
        return self.process.exitcode


def _speak(to: Connection, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    _as_if_new()
    for stream in (1, 2):
        os.dup2(to.fileno(), stream)
    to.close()
    function(*arguments)
