"""Atomic writes: a file is complete, or it is not there."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MARK = ".partial"
"""Part of the names of what is not finished."""
_PARTIAL = re.compile(r"\.(?P<stem>.+)\.[a-z0-9_]{8}\.partial(?P<suffix>\.[^.]+)?")
"""Names of files that `atomic_path` has not finished."""
SHOWN = 40
"""Characters of a name that its temporary file repeats: the latter must not be too long."""


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path in the folder of `path` that replaces `path` when the block ends.

    Readers see the old file or the new one, never half of it; if the process is killed, the old
    file stays as it was. If the block raises, nothing is left behind.

    Args:
        path: the file to write; its folder is created if it is missing.

    Raises:
        OSError: the folder cannot be created or written to; names the file or the folder.
    """
    target = Path(path)
    with named(target):
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem[:SHOWN]}.", suffix=f"{MARK}{target.suffix}", dir=target.parent
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
def named(target: Path) -> Iterator[None]:
    """Create the folder of a file; errors name that file, not the temporary one next to it."""
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
    """Write `text` to `path` as UTF-8, atomically."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `path`, atomically."""
    with atomic_path(path) as partial:
        partial.write_bytes(content)


def _umask() -> int:
    """The permission bits that new files lack; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
