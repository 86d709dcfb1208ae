"""The files of a folder and of its sub-folders: each real folder once, regular files only."""

from __future__ import annotations

import os
import stat
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from contextseg.data.suffixes import IMAGE_SUFFIXES

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISDIR, "a folder"),
)


@dataclass(kw_only=True, slots=True)
class Walk:
    """What a folder holds."""

    files: list[Path] = field(default_factory=list)
    """Regular files that are not hidden, sorted."""
    failed: list[tuple[Path, str]] = field(default_factory=list)
    """Folders that cannot be read, and entries that may be images but are no regular files (broken
    links, named pipes, devices), each with the reason."""


def walk(folder: Path, *, below: bool = True) -> Walk:
    """The files in a folder and its sub-folders, without opening any.

    Links are followed, but each real folder is listed once, under the path with the fewest links:
    a link back to a parent adds nothing. Hidden files and folders are left out.

    Args:
        folder: where to start.
        below: whether to go into sub-folders.
    """
    found = Walk()
    folders, linked = deque([folder]), deque[Path]()
    listed: set[object] = set()
    while folders or linked:
        here = folders.popleft() if folders else linked.popleft()
        try:
            identity = _identity(here)
            if identity in listed:
                continue
            listed.add(identity)
            with os.scandir(here) as entries:
                visible = [entry for entry in entries if not entry.name.startswith(".")]
            for entry in sorted(visible, key=lambda entry: entry.name):
                path = here / entry.name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                elif (reason := why_not_regular(path)) is None:
                    found.files.append(path)
                elif os.path.isdir(path):
                    if not _leads_back(path):
                        linked.append(path)
                elif _may_be_meant(path):
                    found.failed.append((path, reason))
        except OSError as error:
            found.failed.append((here, _reason(error)))
        if not below:
            break
    found.files.sort()
    found.failed.sort()
    return found


def why_not_regular(path: str | os.PathLike[str]) -> str | None:
    """Why a path is no regular file, links followed; None if it is one.

    Reading from anything else may block (a named pipe) or never end (`/dev/zero`).
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # ValueError: a null character
        return _reason(error)
    if stat.S_ISREG(mode):
        return None
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
    return f"not a regular file but {kind}"


def _identity(folder: Path) -> object:
    """What all paths of one folder have in common."""
    status = folder.stat()
    # Some file systems do not number their files.
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(folder)


def _leads_back(link: Path) -> bool:
    """Whether a link leads to a folder that it is in itself, directly or indirectly."""
    return Path(os.path.realpath(link.parent)).is_relative_to(os.path.realpath(link))


def _may_be_meant(path: Path) -> bool:
    """Whether an entry that is neither file nor folder would be missed.

    That is anything with the suffix of an image, and links without a suffix: they may stand for a
    folder on a disk that is not there.
    """
    suffix = path.suffix.lower()
    broken = os.path.islink(path) and not os.path.exists(path)
    return suffix in IMAGE_SUFFIXES or (broken and not suffix)


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file or folder, or a link to none"
    return getattr(error, "strerror", None) or str(error)
