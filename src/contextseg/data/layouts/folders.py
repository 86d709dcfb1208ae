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

Folders = dict[str, tuple[Path, Path | None]]
"""Image folder and mask folder of each split; None where labels are not published."""


class SplitFolders(Named):
    """The images of a split are in one folder, and masks with the same names in another.

    Args:
        name: name of the layout and of its vocabulary.
        folders: maps a base folder to the image folder and the mask folder of each split; the
            latter is None for a split without labels. Folders that do not exist are ignored.
        inside: folders below a root that may hold the dataset.
    """

    def __init__(
        self,
        name: str,
        folders: Callable[[Path], Folders],
        inside: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name)
        self._folders = folders
        self.inside = inside

    def is_here(self, base: Path) -> bool:
        """Whether a folder holds the images and masks of at least one split."""
        return any(masks is not None for _, masks in self._existing(base).values())

    def splits(self, base: Path) -> list[str]:
        """Names of the splits that exist."""
        return list(self._existing(base))

    def open(
        self, base: Path, split: str, *, strict: bool = True, classes: Classes | None = None
    ) -> ListedDataset:
        """Open a split, as `Layout.open`."""
        splits = self._existing(base)
        require_split(base, split, splits)
        images_in, masks_in = splits[split]
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

    def _existing(self, base: Path) -> Folders:
        """The splits whose folders exist."""
        return {
            split: (images, masks)
            for split, (images, masks) in self._folders(base).items()
            if images.is_dir() and (masks is None or masks.is_dir())
        }


def _ade20k(base: Path) -> Folders:
    images, masks = base / "images", base / "annotations"
    return {
        "train": (images / "training", masks / "training"),
        "val": (images / "validation", masks / "validation"),
        "test": (images / "testing", None),
    }


def _coco_stuff(base: Path) -> Folders:
    found: Folders = {}
    for split in ("train", "val"):
        # Copies differ in where they put the folders; the first pair that exists is taken.
        year = f"{split}2017"
        for images in (base / "images" / year, base / year):
            for masks in (base / "annotations" / year, base / "stuffthingmaps" / year):
                if images.is_dir() and masks.is_dir():
                    found.setdefault(split, (images, masks))
    return found


def _camvid(base: Path) -> Folders:
    return {split: (base / split, base / f"{split}annot") for split in ("train", "val", "test")}


ADE20K = SplitFolders("ade20k", _ade20k, ("ADEChallengeData2016", "ade/ADEChallengeData2016"))
"""SceneParse150 of ADE20K, as in ADEChallengeData2016.zip; the split `test` is `release_test`,
renamed to `images/testing`."""
COCO_STUFF = SplitFolders("coco_stuff", _coco_stuff, ("coco", "coco_stuff164k"))
"""COCO-Stuff 164k with the maps of stuffthingmaps_trainval2017.zip, in `annotations` or
`stuffthingmaps`."""
CAMVID = SplitFolders("camvid", _camvid, ("CamVid",))
"""CamVid in 11 classes, as in the SegNet tutorial."""
