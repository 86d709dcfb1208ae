"""Temporary folders next to what is to be written, and the remains of those of killed processes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from contextseg.system.atomic_files import MARK, SHOWN, named
from contextseg.system.exclusive import FILE_NAME, FolderInUseError, exclusive

_ours: set[Path] = set()
"""The folders in which this process works."""


@contextmanager
def folder_beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary folder next to `path`, on the same disk; it is deleted when the block ends.

    A killed process leaves its folder behind. The next one that asks for a folder beside the same
    path removes it; folders in which a process works are locked, and stay.

    Args:
        path: the file or folder to be written; its folder is created if it is missing.

    Raises:
        OSError: the folder cannot be created or written to; names the file or the folder.
    """
    target = Path(path)
    prefix = f".{target.stem[:SHOWN]}."
    with ExitStack() as stack:
        while True:
            with named(target):
                folder = Path(tempfile.mkdtemp(MARK, prefix, target.parent))
            try:
                stack.enter_context(exclusive(folder))
            except FolderInUseError:  # another process took it for remains in this moment
                continue
            break
        _ours.add(folder)
        try:
            _remove_remains(target.parent, prefix)
            yield folder
        finally:
            _ours.discard(folder)
            _empty(folder)
            stack.close()
            with suppress(OSError):
                folder.rmdir()


def require_new(target: Path) -> None:
    """Raise ValueError unless a folder can be made at `target`."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target}: exists already. Choose a new folder, or remove that one.")


def publish(folder: Path, target: Path) -> None:
    """Rename a complete folder to `target`, which does not exist or is empty."""
    if target.exists():
        target.rmdir()
    folder.rename(target)


def _remove_remains(place: Path, prefix: str) -> None:
    """Remove folders of `folder_beside` whose processes have ended without doing so."""
    for path in place.iterdir():
        if not (path.name.startswith(prefix) and path.name.endswith(MARK)) or path in _ours:
            continue
        if path.is_symlink() or not (path / FILE_NAME).is_file():
            continue
        with suppress(OSError):  # FolderInUseError among them
            with exclusive(path) as locked:
                if locked:
                    _empty(path)
            path.rmdir()


def _empty(folder: Path) -> None:
    """Delete everything in a folder but the lock, as far as that is possible."""
    for path in folder.iterdir():
        if path.name == FILE_NAME:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
