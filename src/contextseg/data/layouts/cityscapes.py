"""Cityscapes: leftImg8bit and gtFine, one folder per city."""

from __future__ import annotations

from pathlib import Path

from contextseg.data.classes import Classes
from contextseg.data.file_tree import named_files
from contextseg.data.layouts.layout import Named, opened, require_split
from contextseg.data.pairing import Entry, ListedDataset, Listing, paired
from contextseg.data.suffixes import IMAGE_SUFFIXES

_IMAGE, _MASK = "_leftImg8bit", "_gtFine_labelIds"


class CityscapesLayout(Named):
    """Fine annotations: masks of label ids (not train ids), as the evaluation server expects them.

    The ground truth of `test` is blank in the download, so it counts as unpublished.
    """

    inside = ("cityscapes", "citys", "Cityscapes")

    def is_here(self, base: Path) -> bool:
        """Whether images and fine annotations are here."""
        return (base / "leftImg8bit").is_dir() and (base / "gtFine").is_dir()

    def splits(self, base: Path) -> list[str]:
        """Names of the splits that exist."""
        return [s for s in ("train", "val", "test") if (base / "leftImg8bit" / s).is_dir()]

    def open(
        self, base: Path, split: str, *, strict: bool = True, classes: Classes | None = None
    ) -> ListedDataset:
        """Open a split, as `Layout.open`."""
        require_split(base, split, self.splits(base))
        problems: list[str] = []
        images = _files(base / "leftImg8bit" / split, IMAGE_SUFFIXES, problems, _IMAGE)
        if split == "test":
            listing = Listing([Entry(*pair, None) for pair in images.items()], problems)
        else:
            masks = _files(base / "gtFine" / split, frozenset({".png"}), problems, _MASK)
            names = sorted(images.keys() | masks.keys())
            listing = paired(names, images.get, masks.get, problems)
        return opened(self, base, split, listing, classes, strict)


def _files(
    folder: Path, suffixes: frozenset[str], problems: list[str], ending: str
) -> dict[str, Path]:
    """Files of all cities by their names, which begin with the city's."""
    if not folder.is_dir():
        return {}
    return named_files(folder, suffixes, problems.append, ending=ending, with_folders=False)


CITYSCAPES = CityscapesLayout("cityscapes")
