"""Processes that are tried on: forks of one that has imported everything, with a time limit."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.processes import Command

LIMIT = 300
"""Seconds after which a process counts as hanging: it is ended by SIGALRM."""
READY = "ready"
"""A line that a process prints when the command has begun: signals are its business then."""
IMPORTS = (
    "contextseg.cli.__main__",
    "contextseg.cli.annotate",
    "contextseg.cli.batch",
    "contextseg.cli.evaluate",
    "contextseg.cli.export",
    "contextseg.cli.predict",
    "contextseg.cli.train",
    "contextseg.explorer.serve",
    "contextseg.inference.batch.run",
    "contextseg.interop",
    "contextseg.training.train_or_load",
    "onnxruntime",
    "onnxscript",
    "uvicorn",
)


def warm() -> None:
    """Import what commands need, once for all forks; it starts no threads."""
    import torch

    torch.set_num_threads(1)
    for name in IMPORTS:
        importlib.import_module(name)


def child(function: Callable[..., None], *arguments: Any, limit: float = LIMIT) -> Command:
    """A function in a fork of this process, which is ended after so many seconds."""
    fork = multiprocessing.get_context("fork")
    return Command(_limited, function, arguments, limit, context=fork)


def _limited(function: Callable[..., None], arguments: tuple[Any, ...], limit: float) -> None:
    signal.alarm(int(limit))
    # Whatever stands for the outputs in the process that this one was forked from.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    function(*arguments)


def command(argv: Sequence[str]) -> None:
    """`contextseg ARGV`, which ends this process without what Python does at its exit."""
    announce()
    from contextseg.cli.__main__ import main

    code = main(argv)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def announce() -> None:
    """Let the next command of this process print `READY` when it has begun."""
    from contextseg.cli import __main__ as program

    first = program.refuse_processes

    def begin(name: str) -> None:
        print(READY, flush=True)
        first(name)

    program.refuse_processes = begin


def started(argv: Sequence[str]) -> Command:
    """A command in a fork of this process that has begun."""
    begun = child(command, argv)
    line = begun.stdout.readline()
    if line.strip() != READY:
        raise RuntimeError(f"the command did not start: {line}{begun.rest()[-1000:]}")
    return begun


def finished(process: Command) -> tuple[int | None, str]:
    """Exit code and output of a process, when it has ended."""
    said = process.rest()
    if process.returncode == -signal.SIGALRM:
        raise TimeoutError(f"no end in time; it said: {said[-200:]}")
    return process.returncode, said


def done(function: Callable[..., None], *arguments: Any) -> None:
    """Call a function in a fork of this process; it must end well."""
    code, said = finished(child(function, *arguments))
    if code != 0:
        raise RuntimeError(f"ended with {code}: {said[-1000:]}")


def ended(argv: Sequence[str]) -> tuple[int | None, str]:
    """Exit code and output of a command."""
    return finished(started(argv))


def succeeded(argv: Sequence[str]) -> float:
    """Seconds that a command took, which must end well."""
    begin = time.monotonic()
    code, said = ended(argv)
    if code != 0:
        raise RuntimeError(f"contextseg {' '.join(argv)} ended with {code}: {said[-1000:]}")
    return time.monotonic() - begin
