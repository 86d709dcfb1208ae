"""Fetch a packed data set from a URL into a folder of this machine, each file once."""

from __future__ import annotations

import hashlib
import logging
import time
from pathlib import Path
from typing import BinaryIO

from contextseg.data.packed.facts import CLASSES, PACK, Facts, PackedFile, read_facts
from contextseg.system.atomic_files import atomic_path, write_bytes
from contextseg.system.cache_folder import cache_folder
from contextseg.system.exclusive import FolderInUseError, exclusive
from contextseg.system.remote import RemoteError, fetch, joined, require_filesystem
from contextseg.system.resources import in_words

logger = logging.getLogger(__name__)

_BLOCK = 1 << 20
_WAIT = 0.2
"""Seconds between two looks at a file that another process fetches."""


def fetch_facts(url: str) -> tuple[Path, Facts]:
    """The folder that keeps a packed data set, and what is in it.

    The folder follows from the content of `pack.json`, so another pack at the same URL gets a
    folder of its own, and the same pack at two URLs is fetched once.

    Args:
        url: of the folder, as fsspec takes it.

    Raises:
        RemoteError: nothing can be read there.
        ValueError: fsspec lacks a package for the URL, or there is no packed data set.
    """
    require_filesystem(url)
    try:
        content = fetch(joined(url, PACK))
        classes = fetch(joined(url, CLASSES))
    except RemoteError as error:
        raise RemoteError(
            f"{error} A URL must be that of a folder that `contextseg data pack` wrote."
        ) from error
    folder = cache_folder() / "packed" / hashlib.sha256(content).hexdigest()[:32]
    for name, text in ((PACK, content), (CLASSES, classes)):
        if not (folder / name).exists() or (folder / name).read_bytes() != text:
            write_bytes(folder / name, text)
    facts = read_facts(folder / PACK)
    for entry in (*facts.splits.values(), *facts.shards):
        path = folder / entry.file
        if path.exists() and path.stat().st_size != entry.bytes:  # a disk that was full, say
            path.unlink()
    return folder, facts


def fetch_shard(url: str, entry: PackedFile, folder: Path) -> None:
    """Fetch a file of the pack into `folder`, unless another process does so meanwhile.

    Raises:
        RemoteError: it cannot be read, or is not the file that was packed.
        OSError: it cannot be written.
    """
    target, work = folder / entry.file, folder / f"{entry.file}.fetching"
    while not target.exists():
        try:
            with exclusive(work, [entry.file]):
                if not target.exists():
                    _fetch(joined(url, entry.file), entry, work / entry.file)
                    (work / entry.file).replace(target)
        except FolderInUseError:
            time.sleep(_WAIT)


def _fetch(url: str, entry: PackedFile, path: Path) -> None:
    logger.info("fetching %s (%s)", url, in_words(entry.bytes))
    with atomic_path(path) as partial:

        def copy(source: BinaryIO) -> tuple[int, str]:
            digest, size = hashlib.sha256(), 0
            with partial.open("wb") as file:
                while block := source.read(_BLOCK):
                    digest.update(block)
                    size += file.write(block)
            return size, digest.hexdigest()

        size, digest = fetch(url, copy)
        if size < entry.bytes:
            raise RemoteError(
                f"{url}: is truncated: it ends at byte {size:,}, not {entry.bytes:,}."
            )
        if (size, digest) != (entry.bytes, entry.sha256):
            raise RemoteError(f"{url}: is damaged: it is not the file that was packed.")
