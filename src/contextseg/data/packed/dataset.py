"""A split of a packed data set: the samples of the folder that was packed, from archives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np

from contextseg.config import RGB, ImagesConfig
from contextseg.data.bands import read_pixels
from contextseg.data.classes import Classes
from contextseg.data.image_sources import NamedContent
from contextseg.data.mask_files import read_stored_mask
from contextseg.data.masks import labels_of_mask
from contextseg.data.packed.cache import fetch_facts, fetch_shard
from contextseg.data.packed.facts import CLASSES, PACK, Facts, read_facts
from contextseg.data.packed.index import read_index
from contextseg.data.packed.shards import Shards
from contextseg.data.sample import Sample
from contextseg.data.view import Viewed
from contextseg.system.addresses import is_url


class PackedDataset(Viewed):
    """A split of a packed data set.

    Samples, names and order are those of the folder that was packed.

    Args:
        root: folder with `pack.json`, or its URL.
        split: name of the split.
        layout: `auto`, or the layout that was packed.
        strict: raise if archives are missing or truncated; else list them in `problems`.
        images: what the images are.

    Raises:
        ValueError: there is no such split, or a file of the pack is missing, truncated or damaged;
            the message names it.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str,
        *,
        layout: str = "auto",
        strict: bool = True,
        images: ImagesConfig = RGB,
    ) -> None:
        folder, facts = packed_facts(root)
        if layout not in ("auto", facts.layout):
            raise ValueError(
                f"{root}: was packed as {facts.layout}, not {layout}. Leave the layout out, or "
                f"pack the data set with --layout {layout}."
            )
        if split not in facts.splits:
            raise ValueError(
                f"{root}: there is no split {split!r}. There are {', '.join(facts.splits)}."
            )
        self.root = os.fspath(root) if is_url(os.fspath(root)) else Path(root)
        self.split = split
        self.images = images
        self.classes = Classes.read(folder / CLASSES)
        self._shards = Shards(folder, facts.shards, str(root) if is_url(str(root)) else None)
        entry = facts.splits[split]
        if self._shards.url is not None:
            fetch_shard(self._shards.url, entry, folder)
        self._index = read_index(folder / entry.file, entry, facts.sizes[split], facts.shards)
        self.names = self._index.names
        self.problems = self._shards.problems()
        if strict and self.problems:
            raise ValueError("\n".join(self.problems[:10]))

    def __len__(self) -> int:
        """Number of images in the split."""
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """Image, labels and name of sample `index`.

        Raises:
            ValueError: an archive is missing, truncated or damaged, or the image or mask cannot be
                read; the message names archive, offset and sample.
        """
        content, where = self.stored(index, "image")
        image = read_pixels(NamedContent(content, where), self.images)
        self._require_size(index, where, image.shape[:2])
        return Sample(image, self.read_labels(index), self.names[index])

    def image_size(self, index: int) -> tuple[int, int]:
        """Rows and columns of image `index`, which the index knows."""
        row = self._index[index]
        return row.rows, row.columns

    def image_key(self, index: int) -> tuple[int, int]:
        """What splits have in common if they share the image: its archive and offset."""
        row = self._index[index]
        return row.shard, row.image.offset

    def read_labels(self, index: int) -> np.ndarray:
        """Labels of image `index`, [h, w], uint8.

        Raises:
            ValueError: as for the whole sample.
        """
        content, where = self.stored(index, "mask")
        labels = labels_of_mask(read_stored_mask(where, content), self.classes, where=where)
        self._require_size(index, where, labels.shape)
        return labels

    def stored(self, index: int, kind: Literal["image", "mask"]) -> tuple[bytes, str]:
        """The file of image or mask `index` as it was packed, and where it lies, for messages.

        Raises:
            ValueError: the archive is missing, truncated or damaged.
        """
        row = self._index[index]
        place = row.image if kind == "image" else row.mask
        name = self._shards.name(row.shard)
        where = f"{name}, byte {place.offset:,} ({kind} of {self.names[index]!r})"
        return self._shards.read(row.shard, place, where), where

    def _require_size(self, index: int, where: str, size: tuple[int, ...]) -> None:
        if size != self.image_size(index):
            rows, columns = self.image_size(index)
            raise ValueError(
                f"{where}: has {size[0]} rows and {size[1]} columns, but the index says {rows} and "
                f"{columns}. Pack the data set again."
            )


def is_packed(root: str | os.PathLike[str]) -> bool:
    """Whether this names a packed data set: a folder with `pack.json`, or any URL."""
    text = os.fspath(root)
    return is_url(text) or (bool(text) and (Path(text) / PACK).is_file())


def packed_facts(root: str | os.PathLike[str]) -> tuple[Path, Facts]:
    """The folder with the files of a packed data set, and what `pack.json` says.

    Raises:
        ValueError: it cannot be read or fetched.
    """
    text = os.fspath(root)
    return fetch_facts(text) if is_url(text) else (Path(text), read_facts(Path(text) / PACK))
