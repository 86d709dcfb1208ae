"""Cityscapes: leftImg8bit and gtFine, one folder per city."""

from __future__ import annotations

from pathlib import Path

from contextseg.data.layouts.layout import Named, require_split
from contextseg.data.pairing import Entry, ListedDataset, Listing, files_by_name, paired

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

    def open(self, base: Path, split: str, *, strict: bool = True) -> ListedDataset:
        """Open a split, as `Layout.open`."""
        require_split(base, split, self.splits(base))
        problems: list[str] = []
        images = files_by_name(
            _cities(base / "leftImg8bit" / split), (".png",), problems, ending=_IMAGE
        )
        if split == "test":
            listing = Listing([Entry(*pair, None) for pair in images.items()], problems)
        else:
            masks = files_by_name(
                _cities(base / "gtFine" / split), (".png",), problems, ending=_MASK
            )
            names = sorted(images.keys() | masks.keys())
            listing = paired(names, images.get, masks.get, problems)
        return ListedDataset(base, split, self.classes, listing, strict=strict)


def _cities(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


CITYSCAPES = CityscapesLayout("cityscapes")
