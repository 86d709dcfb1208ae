"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MARK = ".partial"
_PARTIAL = re.compile(r"\.(?P<stem>.+)\.[a-z0-9_]{8}\.partial(?P<suffix>\.[^.]+)?")
"""Names of files that `atomic_path` has not finished."""


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to, in the folder of `path`, that becomes `path` when the block ends.

    A reader sees the old file or the new one, never half of it; a process killed in between
    leaves the old file as it was. If the block raises, nothing is left behind.

    Args:
        path: the file to write; its folder is made when it is missing.

    Raises:
        OSError: the folder cannot be made or written to; names the file or the folder.
    """
    target = Path(path)
    with _named(target):
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem}.", suffix=f"{_MARK}{target.suffix}", dir=target.parent
        )
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o666 & ~_umask())
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def remove_partials(
    folder: str | os.PathLike[str], files: Iterable[str] | None = None
) -> list[Path]:
    """Remove what `atomic_path` left in a folder because its process was killed.

    Call it only where no other process is writing these files.

    Args:
        folder: where to look; not in its sub-folders.
        files: names of the files that were to be written; None takes all.

    Returns:
        The files that were removed.
    """
    wanted, removed = None if files is None else set(files), []
    for path in Path(folder).glob(".*"):
        name = _PARTIAL.fullmatch(path.name)
        if name is None or path.is_symlink() or not path.is_file():
            continue
        if wanted is None or name["stem"] + (name["suffix"] or "") in wanted:
            with suppress(OSError):
                path.unlink()
                removed.append(path)
    return removed


@contextmanager
def folder_beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder to work in, on the disk of `path`, that is gone when the block ends.

    Args:
        path: a file that is to be written; its folder is made when it is missing.

    Raises:
        OSError: the folder cannot be made or written to; names the file or the folder.
    """
    target = Path(path)
    with _named(target):
        folder = tempfile.TemporaryDirectory(prefix=f".{target.stem}.", dir=target.parent)
    with folder as name:
        yield Path(name)


@contextmanager
def _named(target: Path) -> Iterator[None]:
    """With the folder of a file made; errors name the file, not one beside it that nobody knows."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        what = os.strerror(errno.ENOTDIR)
        raise NotADirectoryError(errno.ENOTDIR, what, str(target.parent)) from None
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from None


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _umask() -> int:
    """The permissions that new files lack; the operating system only tells while setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
