"""Append pairs of image and mask to archives of a limited size."""

from __future__ import annotations

import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contextseg.data.packed.index import Place, Row
from contextseg.system.atomic_files import atomic_path
from contextseg.system.tar_writer import TarWriter, tar_writer

_FILES = "shard-{:06}.tar"


@dataclass(frozen=True, slots=True)
class Member:
    """An image and its mask, as they go into an archive."""

    rows: int
    """Of both, upright, in pixels."""
    columns: int
    image: bytes
    image_suffix: str
    mask: bytes
    mask_suffix: str


class PairWriter:
    """Writes archives within a `with` block.

    Members are called as in a folder of images and masks, so that unpacking all archives beside
    classes.json gives such a folder.

    Args:
        folder: where the archives go.
        shard_bytes: size at which a new one is begun; a larger pair gets one of its own.
    """

    def __init__(self, folder: Path, shard_bytes: int) -> None:
        self.folder = folder
        self.shard_bytes = shard_bytes
        self.paths: list[Path] = []
        self._tar: TarWriter | None = None
        self._open = ExitStack()

    def __enter__(self) -> PairWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def add(self, split: str, name: str, member: Member) -> Row:
        """Append an image and its mask; returns where they lie."""
        size = len(member.image) + len(member.mask)
        if self._tar is None or self._tar.size + size > self.shard_bytes:
            self._tar = self._next()
        return Row(
            len(self.paths) - 1,
            member.rows,
            member.columns,
            self._append(f"images/{split}/{name}{member.image_suffix}", member.image),
            self._append(f"masks/{split}/{name}{member.mask_suffix}", member.mask),
        )

    def _append(self, name: str, content: bytes) -> Place:
        assert self._tar is not None
        return Place(self._tar.add(name, content), len(content), zlib.crc32(content))

    def _next(self) -> TarWriter:
        self._open.close()
        path = self.folder / _FILES.format(len(self.paths))
        self.paths.append(path)
        return self._open.enter_context(tar_writer(self._open.enter_context(atomic_path(path))))
