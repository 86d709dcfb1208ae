"""Pair images with their masks, and report what does not match."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from contextseg.data.classes import Classes
from contextseg.data.images import image_size, read_image, read_mask_and_mode
from contextseg.data.sample import Sample
from contextseg.data.walk import walk

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
    """Images in the split's order, each with its mask."""
    problems: list[str] = field(default_factory=list)
    """One message per name that has no image, no mask, or two of either."""


def files_by_name(
    folders: Iterable[Path], suffixes: Sequence[str], problems: list[str], *, ending: str = ""
) -> dict[str, Path]:
    """Files by name without suffix, sorted; a second file of the same name is a problem.

    Args:
        folders: where to look, not recursively.
        suffixes: of the files to take, in lower case, such as `.jpg`.
        problems: gets a message for each name that two files share.
        ending: ending of the names to take, which is cut off, such as `_leftImg8bit`.
    """
    files: dict[str, Path] = {}
    for folder in folders:
        found = walk(folder, below=False)
        problems += [f"{path}: cannot be read ({reason})." for path, reason in found.failed]
        for path in found.files:
            if path.suffix.lower() not in suffixes:
                continue
            name = path.stem.removesuffix(ending)
            if not path.stem.endswith(ending):
                continue
            if name in files:
                problems.append(f"{path}: {files[name].name} has the same name. Keep one.")
            else:
                files[name] = path
    return files


def paired(
    names: Iterable[str],
    image: Callable[[str], Path | None],
    mask: Callable[[str], Path | None],
    problems: Sequence[str] = (),
) -> Listing:
    """Look up the image and the mask of each name.

    Args:
        names: of the split, in its order.
        image: returns the image of a name; None if there is none.
        mask: returns its mask, likewise.
        problems: those found earlier.
    """
    listing = Listing(problems=list(problems))
    for name in names:
        photo, labels = image(name), mask(name)
        if photo is None:
            where = f" (its mask is {labels})" if labels is not None else ""
            listing.problems.append(f"{name}: there is no image of this name{where}.")
        elif labels is None:
            listing.problems.append(f"{photo}: there is no mask for this image.")
        else:
            listing.entries.append(Entry(name, photo, labels))
    return listing


def existing(path: Path) -> Path | None:
    """The path if there is a file."""
    return path if path.is_file() else None


def read_names(path: Path) -> list[str]:
    """Names in a split's file: one per line, or, as some lists have it, paths of image and mask."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Path(line.split()[0]).stem for line in lines if line.strip()]


def read_ids(path: Path) -> np.ndarray:
    """The ids in a mask of a dataset that writes ids, [h, w], uint8 or uint16.

    Raises:
        ValueError: the file cannot be read, or is a colour image.
    """
    mask, mode = read_mask_and_mode(path)
    if mask.ndim != 2:
        raise ValueError(
            f"{path}: the mask is an image of mode {mode}, but this dataset's masks hold one id a "
            f"pixel (grey or palette). Take the file as it was published."
        )
    return mask


class ListedDataset:
    """A split whose pairs are listed.

    Args:
        root: folder of the dataset.
        split: name of the split.
        classes: the dataset's classes.
        listing: pairs, and what is wrong.
        ids: reads the ids [h, w] of an entry; must be picklable (a module-level function or a
            method), because worker processes call it. By default it reads the mask file.
        strict: raise if the listing has problems; else they are kept in `problems`.

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
    ) -> None:
        self.root = root
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
                f"{root}: the split {split!r} of {classes.dataset} has faults:\n"
                + "\n".join(lines)
                + f"\n`contextseg data check {root} --split {split}` lists them all."
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
        image = read_image(entry.image)
        return Sample(image, self._labels(entry, image.shape[:2]), entry.name)

    def image(self, index: int) -> np.ndarray:
        """Image `index` alone, [h, w, 3], uint8, RGB: for splits without labels."""
        return read_image(self.entries[index].image)

    def image_size(self, index: int) -> tuple[int, int]:
        """Rows and columns of image `index`, from its header alone."""
        return image_size(self.entries[index].image)

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
                f"`contextseg submit` writes what the server takes."
            )
        ids = read_ids(entry.mask) if self._ids is None else self._ids(entry)
        if ids.shape != tuple(size):
            raise ValueError(
                f"{entry.mask}: the mask has {ids.shape[0]} rows and {ids.shape[1]} columns, its "
                f"image {entry.image.name} has {size[0]} and {size[1]}."
            )
        return self.classes.to_labels(ids, where=f"{entry.mask}, {entry.name}")
