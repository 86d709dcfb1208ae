"""Unpacking an archive from elsewhere: bounded, and never outside a folder."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path, PurePosixPath

from contextseg.data.formats.log import Log
from contextseg.system.failures import kind_of

FACTOR, ALLOWANCE = 100, 1 << 30
"""An archive may unpack to this many times its size, and this many bytes on top."""
MOST_FILES = 1_000_000
_PIECE = 1 << 20
BROKEN = (NotImplementedError, RuntimeError, EOFError, zlib.error, zipfile.BadZipFile)
"""What reading a damaged archive raises."""
_SYSTEM = re.compile(r"^[A-Za-z]:|^[/\\]")


def unzip(archive: Path, folder: Path, log: Log) -> None:
    """Unpack a zip file into an empty folder.

    Entries that would lie outside the folder, links and encrypted files are reported and left out.

    Args:
        archive: the zip file.
        folder: where to unpack.
        log: told of entries that are left out.

    Raises:
        ValueError: it is no zip file, or unpacks to more than `FACTOR` times its size plus
            `ALLOWANCE` bytes, whatever its headers say.
    """
    limit = FACTOR * archive.stat().st_size + ALLOWANCE
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            stated = sum(entry.file_size for entry in entries)
            if stated > limit or len(entries) > MOST_FILES:
                raise ValueError(
                    f"{archive}: would unpack to {stated:,} bytes in {len(entries):,} files, more "
                    f"than the limit of {limit:,} bytes and {MOST_FILES:,} files. Unpack it "
                    f"yourself if you trust it, and import the folder."
                )
            written = 0
            for entry in entries:
                target = _target(entry, archive, log)
                if target is None:
                    continue
                path = folder.joinpath(*target.parts)
                try:
                    written += _copy(opened, entry, path, limit - written)
                except (OSError, *BROKEN) as error:
                    if kind_of(error):
                        raise
                    # An OSError is a name that disks do not take, or that clashes with another.
                    with suppress(OSError):
                        path.unlink(missing_ok=True)
                    reason = getattr(error, "strerror", None) or error
                    log.skip(f"{archive}: {entry.filename:.200}", f"cannot be unpacked: {reason}")
    except BROKEN as error:
        raise ValueError(f"{archive}: is no zip file, or a damaged one ({error}).") from None


def _target(entry: zipfile.ZipInfo, archive: Path, log: Log) -> PurePosixPath | None:
    """Where an entry goes, relative to the folder; None if it is not unpacked."""
    name = entry.filename.replace("\\", "/")
    path = PurePosixPath(name)
    if entry.is_dir() or path.name.startswith(".") or "__MACOSX" in path.parts:
        return None
    where = f"{archive}: {entry.filename}"
    if _SYSTEM.match(name) or ".." in path.parts:
        log.skip(where, "would be unpacked outside the folder")
    elif stat.S_ISLNK(entry.external_attr >> 16):
        log.skip(where, "is a link")
    elif entry.flag_bits & 1:
        log.skip(where, "is encrypted")
    else:
        return path
    return None


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, limit: int) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(entry) as source, path.open("wb") as target:
        while piece := source.read(_PIECE):
            size += len(piece)
            if size > limit:
                raise ValueError(
                    f"{archive.filename}: {entry.filename} unpacks to more than it states, beyond "
                    f"the limit. Unpack it yourself if you trust it, and import the folder."
                )
            target.write(piece)
    return size
