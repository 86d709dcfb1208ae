"""PASCAL-Context: the JSON file of the Detail API, or masks converted from it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from contextseg.data.classes import Classes
from contextseg.data.layouts.layout import Named, opened, require_split
from contextseg.data.name_lists import read_names
from contextseg.data.pairing import (
    Entry,
    ListedDataset,
    existing,
    paired,
)
from contextseg.data.picture_files import ImageError, require_size
from contextseg.data.run_lengths import decode_run_lengths

JSON = "trainval_merged.json"

DETAIL_IDS = (
    0, 2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98, 104, 105, 113,
    115, 144, 158, 159, 162, 187, 189, 207, 220, 232, 258, 259, 260, 284, 295, 296, 308, 324, 326,
    347, 349, 354, 355, 360, 366, 368, 397, 415, 416, 420, 424, 427, 440, 445, 454, 458,
)  # fmt: skip
"""Category of the Detail API for each id in our masks: positions of the 59 frequent labels in the
alphabetical list of all 459, counted from 1; 0 is everything else."""


_OTHER = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What the content of another file raises, or of one that somebody edited."""


class DetailAnnotations:
    """The masks in a JSON file of the Detail API.

    Args:
        path: trainval_merged.json.

    Raises:
        ValueError: the file is not of this kind.
    """

    def __init__(self, path: Path) -> None:
        try:
            content = json.loads(path.read_bytes())
            self.images: dict[str, dict[str, Any]] = {
                Path(image["file_name"]).stem: dict(image) for image in content["images"]
            }
            self._parts: dict[Any, list[tuple[int, dict[str, Any]]]] = {}
            for part in content["annos_segmentation"]:
                one = int(part["category_id"]), part["segmentation"]
                self._parts.setdefault(part["image_id"], []).append(one)
        except _OTHER as error:
            raise ValueError(
                f"{path}: is not the JSON file of the Detail API, or is truncated ({error})."
            ) from error
        self._id_of = np.zeros(max(DETAIL_IDS) + 1, np.uint8)
        self._id_of[list(DETAIL_IDS)] = np.arange(len(DETAIL_IDS))

    def names(self, split: str) -> list[str]:
        """Names of the images of `train` or `val`, sorted."""
        return sorted(n for n, image in self.images.items() if image.get("phase") == split)

    def ids(self, entry: Entry) -> np.ndarray:
        """Ids [h, w], uint8, 0 to 59; where segments overlap, the last one wins.

        Raises:
            ImageError: a segment cannot be decoded, or does not fit the image.
        """
        image = self.images[entry.name]
        try:
            rows, columns = int(image["height"]), int(image["width"])
            require_size(f"{entry.mask}: {entry.name}", rows, columns)
            mask = np.zeros((rows, columns), np.uint8)
            parts = self._parts.get(image["image_id"], ())
        except _OTHER as error:
            if isinstance(error, ImageError):
                raise
            raise ImageError(
                f"{entry.mask}: {entry.name} has no size or no number ({error})."
            ) from error
        for category, segment in parts:
            known = self._id_of[category] if 0 <= category < len(self._id_of) else 0
            try:
                mask[decode_run_lengths(segment["counts"], tuple(segment["size"]))] = known
            except _OTHER as error:
                raise ImageError(
                    f"{entry.mask}: the segment of category {category} of {entry.name} cannot be "
                    f"decoded ({error})."
                ) from error
        return mask


@cache
def read_annotations(path: Path) -> DetailAnnotations:
    """The annotations in a file, read once per process: it has several hundred megabytes."""
    return DetailAnnotations(path)


class PascalContextLayout(Named):
    """VOC2010 with `trainval_merged.json`, or with SegmentationClassContext and its lists.

    Converted masks hold 1 to 59 in the order of the Detail API's ids and 0 for everything else;
    they take precedence if both exist.
    """

    inside = ("VOC2010", "VOCdevkit/VOC2010", "pcontext/VOCdevkit/VOC2010")

    def is_here(self, base: Path) -> bool:
        """Whether images and labels of either kind are here."""
        return (base / "JPEGImages").is_dir() and (_is_converted(base) or (base / JSON).is_file())

    def splits(self, base: Path) -> list[str]:
        """Names of the splits that exist."""
        if _is_converted(base):
            return sorted(path.stem for path in _lists(base).glob("*.txt"))
        return ["train", "val"]

    def open(
        self, base: Path, split: str, *, strict: bool = True, classes: Classes | None = None
    ) -> ListedDataset:
        """Open a split, as `Layout.open`."""
        require_split(base, split, self.splits(base))
        masks = base / "SegmentationClassContext"
        annotations = None if _is_converted(base) else read_annotations(base / JSON)
        names = (
            annotations.names(split) if annotations else read_names(_lists(base) / f"{split}.txt")
        )
        listing = paired(
            names,
            lambda name: existing(base / "JPEGImages" / f"{name}.jpg"),
            lambda name: base / JSON if annotations else existing(masks / f"{name}.png"),
        )
        ids = annotations.ids if annotations else None
        return opened(self, base, split, listing, classes, strict, ids)


PASCAL_CONTEXT_59 = PascalContextLayout("pascal_context_59")
PASCAL_CONTEXT_60 = PascalContextLayout("pascal_context_60")


def _lists(base: Path) -> Path:
    return base / "ImageSets" / "SegmentationContext"


def _is_converted(base: Path) -> bool:
    return (base / "SegmentationClassContext").is_dir() and _lists(base).is_dir()
