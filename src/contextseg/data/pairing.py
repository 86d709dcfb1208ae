"""Pair images with their masks, and report what does not match."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from contextseg.config import RGB, ImagesConfig
from contextseg.data.bands import band_size, read_pixels
from contextseg.data.classes import Classes
from contextseg.data.images import read_mask_and_mode
from contextseg.data.masks import read_labels
from contextseg.data.sample import Sample
from contextseg.data.view import Viewed
from contextseg.data.wording import quoted

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """An image and the file with its labels."""

    name: str
    """Name in the dataset, without folder and suffix."""
    image: Path
    """The image."""
    mask: Path | None
    """The file with its labels; None if they are not published."""


@dataclass(slots=True)
class Listing:
    """The images of a split, and the problems of those that are left out."""

    entries: list[Entry] = field(default_factory=list)
    """Images in the order of the split, each with its mask."""
    problems: list[str] = field(default_factory=list)
    """One message per name that has no image, no mask, or two of either."""


def paired(
    names: Iterable[str],
    image: Callable[[str], Path | None],
    mask: Callable[[str], Path | None],
    problems: Sequence[str] = (),
) -> Listing:
    """Look up the image and the mask of each name.

    Args:
        names: names in the split, in order.
        image: returns the image for a name, or None if there is none.
        mask: returns the mask for a name, or None if there is none.
        problems: problems found earlier.
    """
    listing = Listing(problems=list(problems))
    for name in names:
        photo, labels = image(name), mask(name)
        if photo is None:
            where = f" (its mask is {labels})" if labels is not None else ""
            listing.problems.append(f"{name}: there is no image with this name{where}.")
        elif labels is None:
            listing.problems.append(f"{photo}: there is no mask for this image.")
        else:
            listing.entries.append(Entry(name, photo, labels))
    return listing


def existing(path: Path) -> Path | None:
    """The path if it is a file, else None."""
    return path if path.is_file() else None


def read_ids(path: Path) -> np.ndarray:
    """The ids in a mask file that holds ids, [h, w], uint8 or uint16.

    Raises:
        ValueError: the file cannot be read, or is a colour image.
    """
    mask, mode = read_mask_and_mode(path)
    if mask.ndim != 2:
        raise ValueError(
            f"{path}: the mask is an image of mode {mode}, but this dataset's masks hold one id "
            f"per pixel (grey or palette). Use the file as it was published."
        )
    return mask


def own_ids(entry: Entry, classes: Classes) -> np.ndarray:
    """The ids [h, w], uint8, in a mask of the ids or of the colours of some classes."""
    assert entry.mask is not None
    return classes.to_ids(read_labels(entry.mask, classes))


def is_unlabelled(dataset: object) -> bool:
    """Whether the labels of a split are not published."""
    entries = getattr(dataset, "entries", None)
    return bool(entries) and all(entry.mask is None for entry in entries)


class ListedDataset(Viewed):
    """A split given as a list of pairs.

    Args:
        root: folder of the dataset.
        split: name of the split.
        classes: the dataset's classes.
        listing: the pairs, and the problems found.
        ids: reads the ids [h, w] of an entry; must be picklable (a module-level function or a
            method), because worker processes call it. By default, the mask file is read.
        strict: raise if the listing has problems; otherwise keep them in `problems`.
        images: what the images are.

    Raises:
        ValueError: the listing has problems, or the split is empty.
    """

    def __init__(
        self,
        root: Path,
        split: str,
        classes: Classes,
        listing: Listing,
        *,
        ids: Callable[[Entry], np.ndarray] | None = None,
        strict: bool = True,
        images: ImagesConfig = RGB,
    ) -> None:
        self.root = root
        self.images = images
        self.split = split
        self.classes = classes
        self.entries = listing.entries
        self.problems = listing.problems
        self.names = [entry.name for entry in listing.entries]
        self._ids = ids
        if strict and self.problems:
            rest = len(self.problems) - _SHOWN
            lines = [f"- {problem}" for problem in self.problems[:_SHOWN]]
            lines += [f"and {rest} more."] if rest > 0 else []
            raise ValueError(
                f"{root}: the split {split!r} of {classes.dataset} has problems:\n"
                + "\n".join(lines)
                + f"\n`contextseg data check {quoted(root)} --split {split}` lists them all."
            )
        if strict and not self.entries:
            raise ValueError(f"{root}: the split {split!r} of {classes.dataset} has no images.")

    def __len__(self) -> int:
        """Number of images in the split."""
        return len(self.entries)

    def __getitem__(self, index: int) -> Sample:
        """Image, labels and name of sample `index`.

        Raises:
            ValueError: a file cannot be read, the mask's size differs from the image's, the mask
                holds an unknown id, or the split has no labels; the message names the file.
        """
        entry = self.entries[index]
        image = read_pixels(entry.image, self.images)
        return Sample(image, self._labels(entry, image.shape[:2]), entry.name)

    def image(self, index: int) -> np.ndarray:
        """Image `index` alone, [h, w, 3], uint8, RGB: for splits without labels."""
        return read_pixels(self.entries[index].image, self.images)

    def image_size(self, index: int) -> tuple[int, int]:
        """Rows and columns of image `index`, from its header alone."""
        return band_size(self.entries[index].image, self.images)

    def image_path(self, index: int) -> Path:
        """File of image `index`."""
        return self.entries[index].image

    def mask_path(self, index: int) -> Path:
        """File with the labels of image `index`.

        Raises:
            ValueError: they are not published.
        """
        mask = self.entries[index].mask
        if mask is None:
            raise ValueError(f"the labels of the split {self.split!r} are not published.")
        return mask

    def read_labels(self, index: int) -> np.ndarray:
        """Labels of image `index`, [h, w], uint8, checked against the size in the image's header.

        Raises:
            ValueError: as for the whole sample.
        """
        return self._labels(self.entries[index], self.image_size(index))

    def _labels(self, entry: Entry, size: tuple[int, ...]) -> np.ndarray:
        if entry.mask is None:
            raise ValueError(
                f"{entry.image}: the labels of the split {self.split!r} are not published. "
                f"`contextseg submit` writes the file that the server expects."
            )
        ids = read_ids(entry.mask) if self._ids is None else self._ids(entry)
        if ids.shape != tuple(size):
            raise ValueError(
                f"{entry.mask}: the mask has {ids.shape[0]} rows and {ids.shape[1]} columns, its "
                f"image {entry.image.name} has {size[0]} and {size[1]}."
            )
        return self.classes.to_labels(ids, where=f"{entry.mask}, {entry.name}")
