"""Read parts of archives by their offsets, and name what is truncated or damaged."""

from __future__ import annotations

import os
import sys
import threading
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from contextseg.data.packed.cache import fetch_shard
from contextseg.data.packed.facts import PackedFile
from contextseg.data.packed.index import Place
from contextseg.data.picture_files import ImageError
from contextseg.system.failures import kind_of

_OPEN = 128
"""Archives that a process keeps open; systems allow 256 files and more."""
_LOCK = threading.Lock()
_AGAIN = "Copy it again, or pack the data set again."


class _Handle:
    """An open file; it is closed when nobody reads from it any more."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)

    def read(self, size: int, offset: int) -> bytes:
        """Up to `size` bytes; threads and forked processes may read at the same time."""
        if sys.platform != "win32":
            return os.pread(self.number, size, offset)
        with _LOCK:
            os.lseek(self.number, offset, os.SEEK_SET)
            return os.read(self.number, size)


class Shards:
    """The archives of a pack.

    Args:
        folder: where they are, or are kept once fetched.
        files: what `pack.json` says of them.
        url: where missing ones are fetched from; None if all are in the folder.
    """

    def __init__(self, folder: Path, files: Sequence[PackedFile], url: str | None = None) -> None:
        self.folder = folder
        self.files = files
        self.url = url
        self._paths = [folder / entry.file for entry in files]
        self._names = [str(path) for path in self._paths]
        self._handle = lru_cache(_OPEN)(_Handle)

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "files": self.files, "url": self.url}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Shards.__init__(self, **state)

    def name(self, shard: int) -> str:
        """The archive as messages name it."""
        return self._names[shard]

    def problems(self) -> list[str]:
        """A message for each archive that is not there, or not of its size."""
        found = []
        for number, entry in enumerate(self.files):
            try:
                size = self._paths[number].stat().st_size
            except FileNotFoundError:
                if self.url is None:
                    found.append(f"{self.name(number)}: there is no such archive. {_AGAIN}")
                continue
            if size != entry.bytes:
                what = "is truncated" if size < entry.bytes else "is another file"
                found.append(
                    f"{self.name(number)}: {what}: it ends at byte {size:,}, not at byte "
                    f"{entry.bytes:,}. {_AGAIN}"
                )
        return found

    def read(self, shard: int, place: Place, where: str) -> bytes:
        """Part of an archive.

        Args:
            shard: its number.
            place: where the part lies.
            where: names archive, place and part in messages.

        Raises:
            ImageError: the archive is missing, truncated or damaged.
            RemoteError: it cannot be fetched.
        """
        try:
            content = self._read(shard, place)
        except OSError as error:
            if kind_of(error):
                raise
            raise ImageError(f"{where}: cannot be read: {error.strerror or error}.") from error
        if len(content) < place.size:
            end = place.offset + len(content)
            raise ImageError(
                f"{where}: the archive is truncated: it ends at byte {end:,}, before byte "
                f"{place.offset + place.size:,}. {_AGAIN}"
            )
        if zlib.crc32(content) != place.crc:
            raise ImageError(
                f"{where}: {place.size:,} bytes are damaged: their checksum is not that of the "
                f"index. {_AGAIN}"
            )
        return content

    def _read(self, shard: int, place: Place) -> bytes:
        path = self._paths[shard]
        if self.url is not None and not path.exists():
            fetch_shard(self.url, self.files[shard], self.folder)
        handle = self._handle(path)
        content = handle.read(place.size, place.offset)
        while len(content) < place.size:  # a system may give less than was asked for
            more = handle.read(place.size - len(content), place.offset + len(content))
            if not more:
                break
            content += more
        return content
