"""Layouts with an image and a mask folder per split: ADE20K, COCO-Stuff, CamVid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from contextseg.data.affixes import pair_names
from contextseg.data.classes import Classes
from contextseg.data.file_tree import named_files
from contextseg.data.layouts.layout import Named, opened, require_split
from contextseg.data.pairing import Entry, ListedDataset, Listing, paired
from contextseg.data.suffixes import IMAGE_SUFFIXES, MASK_SUFFIXES


class SplitFolders(Named):
    """The images of a split are in one folder, masks of the same names in another.

    Args:
        name: of the layout and of its vocabulary.
        folders: for a base folder, the image folder and the mask folder (None for a split without
            labels) of each split by name; missing ones are left out.
        inside: folders below a root that may hold the dataset.
    """

    def __init__(
        self,
        name: str,
        folders: Callable[[Path], dict[str, tuple[Path, Path | None]]],
        inside: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name)
        self._folders = folders
        self.inside = inside

    def is_here(self, base: Path) -> bool:
        """Whether a folder holds images and masks of a split."""
        return any(masks is not None for _, masks in self._there(base).values())

    def splits(self, base: Path) -> list[str]:
        """Names of the splits that are there."""
        return list(self._there(base))

    def open(
        self, base: Path, split: str, *, strict: bool = True, classes: Classes | None = None
    ) -> ListedDataset:
        """A split of it, as `Layout.open`."""
        there = self._there(base)
        require_split(base, split, there)
        images_in, masks_in = there[split]
        problems: list[str] = []
        images = named_files(images_in, IMAGE_SUFFIXES, problems.append)
        if masks_in is None:
            entries = [Entry(name, path, None) for name, path in images.items()]
            listing = Listing(entries, problems)
        else:
            files = named_files(masks_in, MASK_SUFFIXES, problems.append)
            masks = {i: files[m] for i, m in pair_names(images, files).masks.items()}
            names = sorted(images.keys() | masks.keys())
            listing = paired(names, images.get, masks.get, problems)
        return opened(self, base, split, listing, classes, strict)

    def _there(self, base: Path) -> dict[str, tuple[Path, Path | None]]:
        return {
            split: (images, masks)
            for split, (images, masks) in self._folders(base).items()
            if images.is_dir() and (masks is None or masks.is_dir())
        }


def _ade20k(base: Path) -> dict[str, tuple[Path, Path | None]]:
    images, masks = base / "images", base / "annotations"
    return {
        "train": (images / "training", masks / "training"),
        "val": (images / "validation", masks / "validation"),
        "test": (images / "testing", None),
    }


def _coco_stuff(base: Path) -> dict[str, tuple[Path, Path | None]]:
    found: dict[str, tuple[Path, Path | None]] = {}
    for split in ("train", "val"):
        year = f"{split}2017"
        for images in (base / "images" / year, base / year):
            for masks in (base / "annotations" / year, base / "stuffthingmaps" / year):
                if images.is_dir() and masks.is_dir():
                    found.setdefault(split, (images, masks))
    return found


def _camvid(base: Path) -> dict[str, tuple[Path, Path | None]]:
    return {split: (base / split, base / f"{split}annot") for split in ("train", "val", "test")}


ADE20K = SplitFolders("ade20k", _ade20k, ("ADEChallengeData2016", "ade/ADEChallengeData2016"))
"""SceneParse150 of ADE20K, as in ADEChallengeData2016.zip; `release_test` renamed to
`images/testing` is the split `test`."""
COCO_STUFF = SplitFolders("coco_stuff", _coco_stuff, ("coco", "coco_stuff164k"))
"""COCO-Stuff 164k with the maps of stuffthingmaps_trainval2017.zip, in `annotations` or
`stuffthingmaps`."""
CAMVID = SplitFolders("camvid", _camvid, ("CamVid",))
"""CamVid in 11 classes, as in the SegNet tutorial."""
