"""The interface that all layouts of public datasets implement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from contextseg.data.classes import Classes
from contextseg.data.pairing import Entry, ListedDataset, Listing, own_ids
from contextseg.data.vocabularies import vocabulary


class Layout(Protocol):
    """A dataset in the folder structure of its download."""

    @property
    def name(self) -> str:
        """Its name, as `--layout` takes it."""
        ...

    @property
    def classes(self) -> Classes:
        """Its classes."""
        ...

    def find(self, root: Path) -> Path | None:
        """The dataset's own folder: `root` or one below it; None where it is not found."""
        ...

    def splits(self, base: Path) -> list[str]:
        """Names of the splits that exist."""
        ...

    def open(
        self, base: Path, split: str, *, strict: bool = True, classes: Classes | None = None
    ) -> ListedDataset:
        """Open a split.

        Args:
            base: what `find` returned.
            split: one of `splits`.
            strict: raise if pairs are incomplete; otherwise list them in `problems`.
            classes: of a dataset that only has this structure; None takes the layout's.

        Raises:
            ValueError: there is no such split, or pairs are incomplete.
        """
        ...


class Named(ABC):
    """What all layouts share: name, classes, and where to look."""

    inside: tuple[str, ...] = ()
    """Folders below a root that may hold the dataset."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def classes(self) -> Classes:
        """Its classes."""
        return vocabulary(self.name)

    def find(self, root: Path) -> Path | None:
        """The dataset's own folder: `root` or one below it; None where it is not found."""
        for base in (root, *(root / folder for folder in self.inside)):
            if self.is_here(base):
                return base
        return None

    @abstractmethod
    def is_here(self, base: Path) -> bool:
        """Whether a folder is the dataset's own folder."""


def require_split(base: Path, split: str, splits: Iterable[str]) -> None:
    """Raise unless the split exists."""
    if split not in (known := list(splits)):
        raise ValueError(
            f"{base}: there is no split {split!r}. There are {', '.join(known) or 'none'}."
        )


def any_of(test: Callable[[Path], bool], *paths: Path) -> Path | None:
    """The first path that passes the test."""
    return next((path for path in paths if test(path)), None)


def opened(
    layout: Layout,
    base: Path,
    split: str,
    listing: Listing,
    classes: Classes | None,
    strict: bool,
    ids: Callable[[Entry], np.ndarray] | None = None,
) -> ListedDataset:
    """A listed split, with a dataset's own classes if it has any, else with those of the layout.

    Args:
        layout: how it is laid out.
        base: folder of the dataset.
        split: name of the split.
        listing: its pairs.
        classes: the dataset's own; None takes the layout's.
        strict: as for `ListedDataset`.
        ids: reads the ids of an entry, as for `ListedDataset`; None reads masks of ids, and with
            classes of its own masks of colours, too.
    """
    if ids is None and classes is not None:
        ids = partial(own_ids, classes=classes)
    return ListedDataset(base, split, classes or layout.classes, listing, ids=ids, strict=strict)
