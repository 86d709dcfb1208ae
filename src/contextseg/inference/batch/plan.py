"""Divide a list of images into shards, in one pass over it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contextseg.inference.batch.manifest import Entry, entry_of, lines_of
from contextseg.system.addresses import is_url
from contextseg.system.remote import require_filesystem

SHARD_NAME = "shard-{:06}.tar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of the list, and the archive that is made of it."""

    number: int
    """From 0."""
    first: int
    """Number of its first image in the list, from 0."""
    images: int
    """How many it has."""
    offset: int
    """Where its first line begins in the list, in bytes."""
    length: int
    """From there to the end of its last line, in bytes."""
    digest: str
    """What its archive is made of: lines, model and options."""

    @property
    def file(self) -> str:
        """Name of its archive."""
        return SHARD_NAME.format(self.number)


def plan(manifest: Path, size: int, how: str) -> Iterator[Shard]:
    """The shards of a list, one after the other; none is kept.

    Args:
        manifest: a list that is not compressed.
        size: images of a shard, at least 1; the last one may have fewer.
        how: what else the results follow from: model and options.

    Raises:
        ValueError: it is no list of images, or none of its file systems' packages is installed.
    """
    number = first = images = offset = end = 0
    digest = hashlib.sha256()
    for start, line in lines_of(manifest):
        entry = entry_of(line)
        if entry is None:
            continue
        if is_url(entry.source):
            require_filesystem(entry.source)
        if not images:
            offset, digest = start, hashlib.sha256(f"{how}\n{first}\n".encode())
        digest.update(line.rstrip(b"\r\n") + b"\n")
        images, end = images + 1, start + len(line)
        if images == size:
            yield _shard(number, first, images, offset, end, digest.hexdigest())
            number, first, images = number + 1, first + images, 0
    if images:
        yield _shard(number, first, images, offset, end, digest.hexdigest())


def _shard(number: int, first: int, images: int, offset: int, end: int, digest: str) -> Shard:
    return Shard(
        number=number, first=first, images=images, offset=offset, length=end - offset,
        digest=digest[:32],
    )  # fmt: skip


def entries_of(manifest: Path, shard: Shard) -> list[Entry]:
    """The images of a shard, each with an id."""
    with manifest.open("rb") as file:
        file.seek(shard.offset)
        lines = file.read(shard.length).split(b"\n")
    entries = [entry for line in lines if (entry := entry_of(line)) is not None]
    return [
        Entry(entry.source, entry.id or f"{shard.first + i:09}") for i, entry in enumerate(entries)
    ]
