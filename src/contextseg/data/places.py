"""Where the images and masks of a split are: the arrangements of folders that people use."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "JPEGImages")
"""Names of folders of images, the usual one first."""
MASK_FOLDERS = (
    "masks", "mask", "labels", "label", "annotations", "annotation", "gt", "SegmentationClassPNG",
    "SegmentationClass",
)  # fmt: skip
"""Names of folders of masks, the usual one first."""
_USUAL = frozenset({"train", "val", "test"})
LISTS = "splits"
"""Folder of the lists of names."""
PAIR_SEPARATOR = "\t"
"""Stands between the image and the mask in lists of pairs."""


class Places(NamedTuple):
    """The folders of a split."""

    images: Path
    """Folder of its images."""
    masks: Path
    """Folder of its masks."""


def places_of(root: Path, split: str) -> Places | None:
    """The folders of a split; None if there are none of both kinds.

    In this order: `images/SPLIT` and `masks/SPLIT`; `SPLIT/images` and `SPLIT/masks`; and, with a
    list `splits/SPLIT.txt`, `images` and `masks`. Other names of `IMAGE_FOLDERS` and `MASK_FOLDERS`
    do as well.

    Args:
        root: folder of the dataset.
        split: name of the split.
    """
    arrangements = [("", f"/{split}"), (f"{split}/", "")]
    if list_of(root, split).exists():
        arrangements.append(("", ""))
    for before, after in arrangements:
        images, masks = (
            next(
                (path for name in names if (path := root / f"{before}{name}{after}").is_dir()), None
            )
            for names in (IMAGE_FOLDERS, MASK_FOLDERS)
        )
        if images is not None and masks is not None:
            return Places(images, masks)
    return None


def list_of(root: Path, split: str) -> Path:
    """The file that lists the names of a split, there or not."""
    return root / LISTS / f"{split}.txt"


def has_pairs(path: Path) -> bool:
    """Whether a file lists pairs of image and mask, not names."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return PAIR_SEPARATOR.encode() in file.readline().strip()


def splits_in(root: Path) -> list[str]:
    """Names of the splits with images and masks, sorted; empty if there are none.

    The lists alone name the splits if one of them lists pairs. They also do if no folder of images
    has such a name: then they divide what the folders hold, and folders in them are no splits,
    except those that are called so, train, val and test.
    """
    lists = {path.stem: path for path in _entries(root / LISTS) if path.suffix == ".txt"}
    of_pairs = {name for name, path in lists.items() if has_pairs(path)}
    listed = set(lists)
    folders = {
        place.name
        for parent in (root, *(root / name for name in IMAGE_FOLDERS))
        for place in _entries(parent)
        if place.is_dir()
    }
    if of_pairs:
        folders = set[str]()
    elif listed and not listed & folders:
        folders &= _USUAL
    names = listed | folders
    return sorted(name for name in names if name in of_pairs or places_of(root, name) is not None)


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if not path.name.startswith(".")]
