"""A folder that one process at a time works in."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from contextseg.system.atomic_files import remove_partials

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

logger = logging.getLogger(__name__)

FILE_NAME = ".lock"
"""The file that is locked, in the folder; it is there only while a process works."""
_BYTE = 1 << 20
"""What Windows locks of it: a byte behind the text, which can be read meanwhile."""
_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
_held: dict[Path, tuple[int, int]] = {}
"""File descriptor and thread of each lock of this process, by folder."""


class FolderInUseError(BlockingIOError):
    """Another process, or another thread of this one, works in the folder."""


@contextlib.contextmanager
def exclusive(folder: str | os.PathLike[str], files: Iterable[str] = ()) -> Iterator[bool]:
    """A block in which no other process works in a folder, as far as it asks in the same way.

    The system holds the lock: it ends with the process, however that ends, and a lock file that
    lies there by itself is none. A thread may nest blocks of the same folder.

    Args:
        folder: is made if it is missing, and removed again if it is empty afterwards.
        files: names of files that are written into it with `atomic_path`. Remains of those that a
            killed process did not finish are removed.

    Yields:
        Whether the folder is locked: not where the file system has no locks.

    Raises:
        FolderInUseError: somebody else works there; the message says who, and what to do.
        OSError: the folder cannot be made or written to.
    """
    folder = Path(folder)
    key, thread = folder.resolve(), threading.get_ident()
    if key in _held and _held[key][1] == thread:
        remove_partials(folder, files)
        yield True
        return
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if key in _held:
            raise FolderInUseError(_message(folder, "another thread of this process"))
        handle = _acquire(folder)
        if handle is None:
            yield False
            return
        _held[key] = handle, thread
        try:
            remove_partials(folder, files)
            yield True
        finally:
            del _held[key]
            _release(handle, folder / FILE_NAME)
    finally:
        with contextlib.suppress(OSError):  # as soon as one is not empty
            for each in made:
                each.rmdir()


def holds(folder: str | os.PathLike[str]) -> bool:
    """Whether this thread is in an `exclusive` block of the folder."""
    return _held.get(Path(folder).resolve(), (0, 0))[1] == threading.get_ident()


def _acquire(folder: Path) -> int | None:
    """A descriptor that holds the lock; None where the file system has no locks."""
    path = folder / FILE_NAME
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(handle)
        except OSError as error:
            owner = os.pread(handle, 200, 0) if sys.platform != "win32" else os.read(handle, 200)
            os.close(handle)
            if error.errno in _UNSUPPORTED:
                logger.warning("%s: the file system has no locks; let one process at a time write "
                               "into this folder", folder)  # fmt: skip
                return None
            who = owner.decode("utf-8", "replace").strip() or "another process"
            raise FolderInUseError(_message(folder, who)) from None
        if _is_same(handle, path):  # else its owner has just removed it
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            return handle
        os.close(handle)


def _lock(handle: int) -> None:
    """Lock an open file, or raise OSError."""
    if sys.platform == "win32":
        os.lseek(handle, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
    else:  # of the open file, not of the process: nothing that reads the file can end it
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _release(handle: int, path: Path) -> None:
    """Remove the file and end the lock; in this order, nobody locks a file that is going away."""
    if sys.platform != "win32":
        path.unlink(missing_ok=True)
    os.close(handle)
    if sys.platform == "win32":  # where an open file cannot be removed, whoever has opened it
        with contextlib.suppress(OSError):
            path.unlink()


def _message(folder: Path, who: str) -> str:
    return (
        f"{folder} is in use: {who} works in it. Wait until it ends, stop it, or choose another "
        f"folder (out, --out)."
    )


def _forget() -> None:
    """In a forked process: the locks are its parent's, and end with the parent."""
    for handle, _ in _held.values():
        os.close(handle)
    _held.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget)
