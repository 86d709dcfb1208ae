"""Commands in processes of their own, on machines that lack something."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.peak_memory import status
from tests.processes import Command

MIB = 2**20
SHARED = "/dev/shm"
_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
_REMOUNT_READ_ONLY = 32 | 1  # MS_REMOUNT | MS_RDONLY
_PRIVATE = (1 << 18) | (1 << 14)  # MS_PRIVATE | MS_REC

needs_linux = pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="needs /proc")


def run(argv: Sequence[str], memory: int | None = None, shared: int | None = None) -> None:
    """`contextseg ARGV` in this process, which ends with its exit code.

    Args:
        argv: the words.
        memory: MiB that the process may take beyond what it has; None leaves it alone.
        shared: MiB of an empty /dev/shm that only this process sees; None leaves it alone.
    """
    import torch

    from contextseg.cli.__main__ import main

    torch.set_num_threads(1)
    if shared is not None:
        mount_shared(shared)
    if memory is not None:
        limit_memory(memory)
    sys.exit(main(argv))


def run_unaware(argv: Sequence[str], shared: int) -> None:
    """`run` with a /dev/shm whose size nobody looks at before it is full."""
    from contextseg.data import workers

    workers.shared_memory = lambda: None
    run(argv, shared=shared)


def limit_memory(mib: float) -> None:
    """Let this process take so much more memory than it has."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (int((status("VmSize") + mib) * MIB),) * 2)


def mount_shared(mib: int) -> None:
    """Give this process a /dev/shm of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    done = (
        libc.unshare(_NEW_MOUNTS) == 0
        and libc.mount(None, b"/", None, _PRIVATE, None) == 0
        and libc.mount(b"tmpfs", SHARED.encode(), b"tmpfs", 0, f"size={mib}m".encode()) == 0
    )
    if not done:
        raise OSError(ctypes.get_errno(), "no mount of one's own")


def read_only() -> None:
    """Let nobody write to the /dev/shm of this process's own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(None, SHARED.encode(), None, _REMOUNT_READ_ONLY, None) != 0:
        raise OSError(ctypes.get_errno(), "not made read-only")


def can_mount() -> bool:
    """Whether processes here may mount a file system of their own."""
    if not hasattr(os, "fork") or not Path(SHARED).is_dir():
        return False
    child = os.fork()
    if child == 0:
        try:
            mount_shared(1)
        except (OSError, AttributeError):
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def ended(function: Callable[..., None], *arguments: object) -> tuple[int | None, str]:
    """Exit code and both outputs of a function in a process of its own."""
    command = Command(function, *arguments)
    said = command.rest()
    return command.returncode, said


def kill_children(command: Command, when: Callable[[], bool]) -> None:
    """Kill the child processes of a command as soon as there are any and `when` says so."""
    for _ in range(6000):
        children = _children(command.pid)
        if children and when():
            for child in children:
                os.kill(child, signal.SIGKILL)
            return
        time.sleep(0.01)
    pytest.fail("no children to kill")


def _children(parent: int | None) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            if int(fields[1]) == parent:
                found.append(int(entry.name))
    return found


def message(said: str) -> str:
    """The one error in what a command said, which must hold no traceback."""
    assert "Traceback" not in said, said
    errors = [line for line in said.splitlines() if ": error: " in line]
    assert len(errors) == 1, said
    return errors[0]
