"""Where the images of a split lie in its archives: a line of numbers and a name each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from contextseg.data.packed.facts import PackedFile
from contextseg.system.excerpts import excerpt

_COLUMNS = 9
"""Numbers of a line: shard, rows, columns, and offset, bytes and CRC-32 of image and mask."""


class Place(NamedTuple):
    """Where a file lies in an archive."""

    offset: int
    """Its first byte in the archive."""
    size: int
    """Its bytes."""
    crc: int
    """CRC-32 of its content."""


class Row(NamedTuple):
    """An image and its mask."""

    shard: int
    """Number of their archive."""
    rows: int
    """Of the upright image, in pixels."""
    columns: int
    image: Place
    mask: Place


@dataclass(frozen=True, slots=True)
class Index:
    """The images of a split."""

    names: list[str]
    """In the order of the split."""
    numbers: np.ndarray
    """[n, 9], int64: the numbers of each line."""

    def __getitem__(self, index: int) -> Row:
        """Where sample `index` lies."""
        shard, rows, columns, *places = self.numbers[index].tolist()
        return Row(shard, rows, columns, Place(*places[:3]), Place(*places[3:]))


def index_text(names: Iterable[str], rows: Iterable[Row]) -> str:
    """The text of an index: numbers with tabs between them, then the name, which ends the line."""
    return "".join(
        "\t".join(map(str, (row.shard, row.rows, row.columns, *row.image, *row.mask, name))) + "\n"
        for name, row in zip(names, rows, strict=True)
    )


def read_index(path: Path, entry: PackedFile, images: int, shards: Sequence[PackedFile]) -> Index:
    """The index of a split.

    Args:
        path: its file.
        entry: what `pack.json` says of it.
        images: how many images it must have.
        shards: the archives that it refers to.

    Raises:
        ValueError: it is not the file that was written, or leads out of the archives; the message
            names it.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    if len(content) != entry.bytes or hashlib.sha256(content).hexdigest() != entry.sha256:
        raise ValueError(
            f"{path}: is damaged: its {len(content):,} bytes are not the {entry.bytes:,} that were "
            f"written. Copy it again, or pack the data set again."
        )
    try:
        lines = [line.split("\t", _COLUMNS) for line in content.decode().split("\n")[:-1]]
        names = [line[_COLUMNS] for line in lines]
        numbers = np.array([line[:_COLUMNS] for line in lines]).astype(np.int64)
        numbers = numbers.reshape(-1, _COLUMNS)
    except (ValueError, IndexError, OverflowError) as error:
        raise ValueError(f"{path}: is no index of a packed data set ({error}).") from None
    wrong = _outside(numbers, np.array([shard.bytes for shard in shards], np.int64))
    if len(names) != images or len(set(names)) != images or wrong is not None:
        what = f"{len(names)} lines for {images} images" if wrong is None else (
            f"{excerpt(names[wrong])} lies outside of the archives"
        )  # fmt: skip
        raise ValueError(f"{path}: does not fit its pack.json: {what}. Pack the data set again.")
    return Index(names, numbers)


def _outside(numbers: np.ndarray, sizes: np.ndarray) -> int | None:
    """Number of the first line that leads out of the archives; None if there is none."""
    shard = numbers[:, 0]
    bad = (numbers < 0).any(1) | (shard >= len(sizes)) | (numbers[:, 1:3] < 1).any(1)
    size = np.append(sizes, 0)[np.where(bad, len(sizes), shard)]
    for first in (3, 6):
        # Not their sum, which may exceed 64 bits.
        bad |= numbers[:, first + 1] > size - np.minimum(numbers[:, first], size)
    found = np.flatnonzero(bad)
    return int(found[0]) if len(found) else None
