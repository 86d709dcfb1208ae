"""A tar archive whose bytes follow from its contents alone."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class TarWriter:
    """An archive that is being written; members have no time, owner or permissions of their own."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    @property
    def size(self) -> int:
        """Bytes so far, without the end mark."""
        return self._tar.offset

    def add(self, name: str, content: bytes) -> int:
        """Append a member; returns the offset of its content in the archive, in bytes."""
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self._tar.addfile(member, io.BytesIO(content))
        blocks = -(-len(content) // tarfile.BLOCKSIZE)
        return self._tar.offset - blocks * tarfile.BLOCKSIZE


@contextmanager
def tar_writer(path: Path) -> Iterator[TarWriter]:
    """Write an archive to `path`. Names are UTF-8, whatever the locale."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="utf-8") as tar:
        yield TarWriter(tar)
