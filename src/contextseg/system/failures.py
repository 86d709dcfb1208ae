"""Failures of the machine, not of the program: memory, data workers, files.

PyTorch, NumPy, OpenCV and the engines of exported files report them in their own words, over many
lines and without advice. `machine_failures` turns each into a `MachineError` with one message.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from contextseg.system.resources import in_words, shared_memory, usable_memory

Kind = Literal[
    "memory", "gpu_memory", "shared_memory", "worker", "files", "processes", "peer", "disk"
]

_PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("files", r"Too many open files|received 0 items of ancdata"),
    (
        "shared_memory",
        r"out of shared memory|Bus error|shared memory\(shm\)|shared memory object|"
        r"(write to|resize|mmap|open) .*file </?torch_",
    ),
    (
        "gpu_memory",
        r"CUDA out of memory|CUDA error: out of memory|HIP out of memory|"
        r"(CUBLAS|CUDNN|CUFFT)\w*_ALLOC_FAILED",
    ),
    (
        "peer",
        r"gloo[/ ].*(closed|reset|[Tt]imed? ?out|Broken pipe|refused)|Application timeout caused|"
        r"NCCL.*(remote|timeout|timed out)|DistStoreError|DistNetworkError|"
        r"process 0 did not answer|training process \d+ was ended by",
    ),
    ("processes", r"can't start new thread|Resource temporarily unavailable"),
    ("disk", r"No space left on device|PytorchStreamWriter failed|file write failed"),
    (
        "worker",
        r"DataLoader worker .*(killed by signal|exited unexpectedly)|"
        r"terminated with signal SIGKILL",
    ),
    (
        "memory",
        r"DefaultCPUAllocator|can't allocate memory|not enough memory|Cannot allocate memory|"
        r"Insufficient memory|bad[ _]alloc|Failed to allocate memory|MemoryError|"
        # oneDNN, which has no memory for its code or its buffers; a descriptor is another matter.
        r"could not create a primitive(?! descriptor)|could not create a memory",
    ),
)
"""Messages of exceptions that have no type of their own, the most specific first."""

_NUMBERS: dict[int, Kind] = {
    errno.ENOMEM: "memory",
    errno.EMFILE: "files",
    errno.ENFILE: "files",
}

_HAPPENED: dict[Kind, str] = {
    "memory": "out of memory",
    "gpu_memory": "out of memory on the GPU",
    "shared_memory": "out of shared memory, through which data workers hand over batches",
    "worker": "a data worker was killed",
    "files": "this process may open no more files",
    "processes": "this process may start no more processes or threads",
    "peer": "another of the processes that work together was lost: it ended, or did not answer "
    "in time",
    "disk": "the disk is full",
}

_ADVICE: dict[Kind, str] = {
    "memory": "Close other programs, or use a machine with more memory.",
    "gpu_memory": "Close other programs on the GPU, or run on the CPU with --device cpu.",
    "shared_memory": "Give a container more of it (docker run --shm-size 2g).",
    "worker": "The system kills processes when memory runs out: close other programs.",
    "files": "Raise the limit (ulimit -n 4096).",
    "processes": "Raise the limit (ulimit -u, or that of the container).",
    "peer": "Its own messages, or those of the system (out of memory?), may say why.",
    "disk": "Free some space.",
}


class MachineError(RuntimeError):
    """The machine has run out of a resource; the message says of which, and what to do.

    Args:
        message: the complete message for the user.
        kind: what ran out.
    """

    def __init__(self, message: str, kind: Kind) -> None:
        super().__init__(message)
        self.kind: Kind = kind

    def __reduce__(self) -> tuple[type[MachineError], tuple[str, Kind]]:
        """Both arguments, so that the error survives the way between processes."""
        return type(self), (str(self), self.kind)


def kind_of(error: BaseException) -> Kind | None:
    """What the machine has run out of, or None if the error has another cause."""
    if isinstance(error, MachineError):
        return error.kind
    if isinstance(error, ValueError):  # already has a message for the user
        return None
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, OSError):
        if error.errno in _NUMBERS:
            return _NUMBERS[error.errno]
        if error.errno == errno.ENOSPC:
            return "shared_memory" if re.search(r"/dev/shm|/torch_", text) else "disk"
        if error.errno not in (None, errno.EAGAIN):  # None: passed on by a data worker
            return None
    return next((kind for kind, words in _PATTERNS if re.search(words, text, re.DOTALL)), None)


@contextmanager
def machine_failures(
    advice: Mapping[Kind, str] | None = None, kept: Callable[[Kind], str] | None = None
) -> Iterator[None]:
    """Raise `MachineError` if the block fails because the machine ran out of a resource.

    Blocks may be nested: the innermost one gives the advice, and each may add what is kept. Other
    errors pass unchanged.

    Args:
        advice: what helps against each kind of failure in this block, as full sentences; kinds
            without an entry get general advice.
        kept: called after a failure; returns what is left of the work and how to resume it.
    """
    try:
        yield
    except Exception as error:
        kind = kind_of(error)
        if kind is None:
            raise
        message = str(error) if isinstance(error, MachineError) else _message(error, kind, advice)
        if kept is not None:
            message = f"{message} {kept(kind)}".rstrip()
        raise MachineError(message, kind) from error


def _message(error: BaseException, kind: Kind, advice: Mapping[Kind, str] | None) -> str:
    happened = f"{_HAPPENED[kind]}{_numbers(error, kind)}."
    return f"{happened} {(advice or {}).get(kind, _ADVICE[kind])}"


def _numbers(error: BaseException, kind: Kind) -> str:
    """What was requested and what is available, the signal or the file, as far as known."""
    text = str(error)
    match kind:
        case "memory":
            parts = [_asked(text), _free(usable_memory())]
        case "worker":
            signal = re.search(r"signal: ([\w ]+)", text)
            parts = [signal and f"signal: {signal[1]}", _free(usable_memory())]
        case "shared_memory":
            parts = [_free(shared_memory())]
        case "gpu_memory":
            total = re.search(r"total capacity of ([\d.]+ \w+)", text)
            parts = [_asked(text), total and f"the GPU has {total[1]}"]
        case "peer":
            parts = [_lost(text)]
        case "disk":
            parts = [getattr(error, "filename", None)]
        case _:
            parts = []
    known = ", ".join(str(part) for part in parts if part)
    return f" ({known})" if known else ""


def _asked(text: str) -> str | None:
    exact = re.search(r"allocate (\d+) bytes|buffer of size (\d+)", text)
    if exact:
        return f"{in_words(int(exact[1] or exact[2]))} requested"
    about = re.search(r"[Aa]llocate ([\d.]+ [KMGTP]i?B)", text)
    return f"{about[1]} requested" if about else None


def _lost(text: str) -> str | None:
    """Which process ended and how, or for how long one has not answered."""
    ended = re.search(r"process (\d+) was ended by (\w+)", text)
    if ended:
        return f"process {ended[1]} by {ended[2]}"
    silent = re.search(r"Timed out waiting (\d+)ms", text)
    return f"no answer for {int(silent[1]) / 1000:.0f} s" if silent else None


def _free(amount: int | None) -> str | None:
    return None if amount is None else f"{in_words(amount)} free"
