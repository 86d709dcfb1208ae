"""PASCAL VOC 2012, and the additional masks of SBD; together they are known as VOCaug."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from contextseg.data.classes import Classes
from contextseg.data.file_tree import named_files
from contextseg.data.images import ImageError
from contextseg.data.layouts.layout import Named, any_of, opened, require_split
from contextseg.data.name_lists import read_names
from contextseg.data.pairing import (
    Entry,
    ListedDataset,
    Listing,
    existing,
    own_ids,
    paired,
)
from contextseg.data.suffixes import IMAGE_SUFFIXES, MASK_SUFFIXES
from contextseg.data.vocabularies import vocabulary
from contextseg.system.extras import check_installed

AUGMENTED = "train_aug"
"""The split of VOC's training images and all images of SBD that are not in VOC's val: 10,582."""


def voc_ids(entry: Entry, classes: Classes) -> np.ndarray:
    """Ids [h, w] of a palette PNG, of a PNG in the classes' colours, or of a .mat file of SBD."""
    assert entry.mask is not None
    return sbd_ids(entry.mask) if entry.mask.suffix == ".mat" else own_ids(entry, classes)


def sbd_ids(path: Path) -> np.ndarray:
    """Ids [h, w], uint8, from a .mat file of SBD (its field GTcls.Segmentation).

    Raises:
        ImageError: the file cannot be read.
    """
    from scipy.io import loadmat  # `_opened` has checked that it is installed

    try:
        return np.asarray(loadmat(path)["GTcls"]["Segmentation"][0, 0], np.uint8)
    except Exception as error:  # scipy's parser can raise anything
        raise ImageError(
            f"{path}: cannot be read as a mask of SBD; it may be truncated ({error})."
        ) from error


class VOCLayout(Named):
    """VOC 2012 as in its devkit, with SBD next to it or merged into it.

    Splits are the lists in ImageSets/Segmentation. `train_aug` exists if SegmentationClassAug and
    its list do (as widely shared), or if SBD's own folder is inside or next to VOC2012. Official
    masks take precedence over SBD's.
    """

    inside = ("VOC2012", "VOCdevkit/VOC2012", "voc2012/VOCdevkit/VOC2012")

    def is_here(self, base: Path) -> bool:
        """Whether a folder holds the lists, images and masks of the segmentation challenge."""
        lists = base / "ImageSets" / "Segmentation"
        context = base / "SegmentationClassContext"
        return lists.is_dir() and (base / "SegmentationClass").is_dir() and not context.is_dir()

    def splits(self, base: Path) -> list[str]:
        """Names of the splits that exist."""
        names = {path.stem for path in (base / "ImageSets" / "Segmentation").glob("*.txt")}
        names = {AUGMENTED if name == "trainaug" else name for name in names}
        if _sbd_near(base) is not None:
            names.add(AUGMENTED)
        return sorted(names)

    def open(
        self, base: Path, split: str, *, strict: bool = True, classes: Classes | None = None
    ) -> ListedDataset:
        """Open a split, as `Layout.open`."""
        require_split(base, split, self.splits(base))
        sbd = _sbd_near(base) if split == AUGMENTED else None
        problems: list[str] = []
        images = named_files(base / "JPEGImages", IMAGE_SUFFIXES, problems.append)
        masks = named_files(base / "SegmentationClass", MASK_SUFFIXES, problems.append)
        if split == AUGMENTED and (further := base / "SegmentationClassAug").is_dir():
            masks = named_files(further, MASK_SUFFIXES, problems.append) | masks

        def image(name: str) -> Path | None:
            return images.get(name) or (existing(sbd / "img" / f"{name}.jpg") if sbd else None)

        def mask(name: str) -> Path | None:
            return masks.get(name) or (existing(sbd / "cls" / f"{name}.mat") if sbd else None)

        names = self._names(base, split, sbd)
        if split == "test":
            found = ((name, image(name)) for name in names)
            listing = Listing([Entry(name, path, None) for name, path in found if path])
        else:
            listing = paired(names, image, mask, problems)
        ids = _reader(listing, classes or self.classes)
        return opened(self, base, split, listing, classes, strict, ids)

    def _names(self, base: Path, split: str, sbd: Path | None) -> list[str]:
        lists = base / "ImageSets" / "Segmentation"
        listed = any_of(Path.is_file, lists / f"{split}.txt", lists / "trainaug.txt")
        if split != AUGMENTED or sbd is None or listed is not None:
            return read_names(lists / f"{split}.txt" if listed is None else listed)
        own, held_out = read_names(lists / "train.txt"), set(read_names(lists / "val.txt"))
        further = read_names(sbd / "train.txt") + read_names(sbd / "val.txt")
        return sorted({*own, *further} - held_out)


class SBDLayout(Named):
    """SBD alone (benchmark_RELEASE, VOCaug) with its own split: 8498 train, 2857 val images."""

    inside = ("dataset", "VOCaug/dataset", "benchmark_RELEASE/dataset", "sbd/dataset", "sbd")

    def is_here(self, base: Path) -> bool:
        """Whether images, .mat files and lists are here."""
        return (base / "img").is_dir() and (base / "cls").is_dir()

    def splits(self, base: Path) -> list[str]:
        """Names of the splits that exist."""
        return sorted(path.stem for path in base.glob("*.txt"))

    def open(
        self, base: Path, split: str, *, strict: bool = True, classes: Classes | None = None
    ) -> ListedDataset:
        """Open a split, as `Layout.open`."""
        require_split(base, split, self.splits(base))
        listing = paired(
            read_names(base / f"{split}.txt"),
            lambda name: existing(base / "img" / f"{name}.jpg"),
            lambda name: existing(base / "cls" / f"{name}.mat"),
        )
        ids = _reader(listing, classes or self.classes)
        return opened(self, base, split, listing, classes, strict, ids)

    @property
    def classes(self) -> Classes:
        """The classes of VOC."""
        return vocabulary("voc2012")


VOC2012 = VOCLayout("voc2012")
SBD = SBDLayout("sbd")


def _reader(listing: Listing, classes: Classes) -> Callable[[Entry], np.ndarray]:
    """Reads the ids of an entry."""
    if any(entry.mask and entry.mask.suffix == ".mat" for entry in listing.entries):
        check_installed("Reading the masks of SBD (.mat files)", ("scipy",), extra="data")
    return partial(voc_ids, classes=classes)


def _sbd_near(base: Path) -> Path | None:
    """SBD's folder in VOC2012, in VOCdevkit or beside it."""
    for place in (base, base.parent, base.parent.parent):
        if (found := SBD.find(place)) is not None:
            return found
    return None
