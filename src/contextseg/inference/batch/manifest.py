"""Lists of images that are too long for memory: one path or URL a line, an id after a tab."""

from __future__ import annotations

import gzip
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import IO

from contextseg.data.suffixes import IMAGE_SUFFIXES
from contextseg.data.walk import why_not_regular
from contextseg.inference.inputs import fits
from contextseg.system.atomic_files import MARK, named

LONGEST_LINE = 1 << 16
"""Bytes of a line; more is no list of paths."""
_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a manifest."""

    source: str
    """Path or URL of the image, as it is written there."""
    id: str | None
    """What its results are called; None for its number."""


def entry_of(line: bytes) -> Entry | None:
    """What a line says; None for a blank one. Names are of any bytes but line breaks and tabs."""
    text = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
    source, _, name = text.partition("\t")
    return Entry(source, name or None) if source.strip() else None


def lines_of(manifest: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a list that is not compressed, each with the offset of its first byte.

    Raises:
        ValueError: it is no list of paths.
    """
    offset = 0
    with manifest.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            start, offset = offset, offset + len(line)
            if start == 0 and line.startswith(_BOM):
                start, line = len(_BOM), line[len(_BOM) :]
            if len(line) >= LONGEST_LINE or b"\0" in line:
                raise ValueError(
                    f"{manifest}: is no list of images, which is UTF-8 text with one path or URL a "
                    f"line (byte {start})."
                )
            yield start, line


@contextmanager
def listed(given: str | os.PathLike[str], beside: Path, name: str = "manifest") -> Iterator[Path]:
    """A list of images that can be read from any offset, for the duration of the block.

    Args:
        given: a list, possibly compressed with gzip; a folder, for the images in it and in its
            sub-folders; or a pattern. For the latter two the ids are paths from the folder, or
            from the fixed beginning of the pattern.
        beside: folder for what is not such a list yet: its list is written there, and removed.
        name: of that list, without suffix; its remains are those of `NAME.txt` (`atomic_files`).

    Raises:
        ValueError: there is no such thing, it is an image, or it holds no images.
    """
    text = os.fspath(given)
    path = Path(text)
    if path.is_file():
        if path.suffix.lower() in IMAGE_SUFFIXES:
            raise ValueError(
                f"{path} is an image. Give a list of images, a folder or a pattern; contextseg "
                f"predict takes single images."
            )
        with path.open("rb") as file:
            packed = file.read(2) == _MAGIC
        if not packed:
            yield path
            return
    elif not path.is_dir() and not has_magic(text):
        reason = why_not_regular(path)
        raise ValueError(f"{path}: {reason}. Give a list of images, a folder or a pattern.")
    with named(beside / f"{name}.txt"):
        handle, made = tempfile.mkstemp(f"{MARK}.txt", f".{name}.", beside)
    try:
        with os.fdopen(handle, "wb") as out:
            if path.is_file():
                _unpack(path, out)
            else:
                _list(text, out)
        yield Path(made)
    finally:
        os.unlink(made)


def _unpack(path: Path, out: IO[bytes]) -> None:
    try:
        with gzip.open(path, "rb") as packed:
            while block := packed.read(1 << 20):
                out.write(block)
    except (EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{path}: is damaged ({error}).") from error


def _list(given: str, out: IO[bytes]) -> None:
    """Write the images of a folder or a pattern, sorted folder by folder, as they are found."""
    base, pattern = Path(given), ("**",)
    if not base.is_dir():
        parts = Path(given).parts
        fixed = next(i for i, part in enumerate(parts) if has_magic(part))
        base, pattern = Path(*parts[:fixed]), parts[fixed:]
    below = "**" in pattern
    found = False
    for path in _files(base, None if below else len(pattern)):
        relative = path.relative_to(base)
        if path.suffix.lower() not in IMAGE_SUFFIXES or not fits(relative.parts, pattern):
            continue
        line = os.fsencode(f"{path}\t{relative.as_posix()}")
        if b"\n" in line or b"\r" in line or line.count(b"\t") > 1:
            raise ValueError(f"{str(path)!r}: a list holds no names with tabs or line breaks.")
        out.write(line + b"\n")
        found = True
    if not found:
        raise ValueError(
            f"there are no images in {given}. Images are files that end in "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}."
        )


def _files(folder: Path, levels: int | None) -> Iterator[Path]:
    """The files in a folder and so many levels of sub-folders, without hidden ones.

    One folder at a time is in memory. Links to folders are not followed: that would need a list of
    all folders that were seen.
    """
    with os.scandir(folder) as entries:
        visible = sorted(
            (entry for entry in entries if not entry.name.startswith(".")),
            key=lambda entry: entry.name,
        )
    for entry in visible:
        path = folder / entry.name
        if not entry.is_dir(follow_symlinks=False):
            if not entry.is_dir():
                yield path
        elif levels is None or levels > 1:
            yield from _files(path, None if levels is None else levels - 1)
