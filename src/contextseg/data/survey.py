"""What is in a folder that is no known data set, and what it is nearest to."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from contextseg.data.class_files import READERS, own_class_file
from contextseg.data.setup.matching import match_pictures
from contextseg.data.suffixes import IMAGE_SUFFIXES
from contextseg.data.walk import walk

LAYOUTS: dict[str, tuple[str, ...]] = {
    "one's own images": ("images/train", "masks/train"),
    "one's own images, divided by lists": ("images", "masks", "splits/train.txt"),
    "a folder for each split": ("train/images", "train/masks"),
    "voc2012, CVAT, labelme": ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"),
    "cityscapes": ("leftImg8bit/train", "gtFine/train"),
    "ade20k": ("images/training", "annotations/training"),
    "camvid": ("train", "trainannot"),
    "coco_stuff": ("images/train2017", "annotations/train2017"),
}
"""What must be there in each arrangement, by what people call it."""
_OWN = tuple(LAYOUTS)[:3]
"""Those that need a file of classes."""
_NEAREST, _FOLDERS = 3, 12
_OF_INTEREST = frozenset({".json", ".xml", ".txt", ".csv", ".yaml", ".yml", ".parquet", ".zip"})


def survey(root: str | os.PathLike[str]) -> str:
    """What a folder holds, and which layouts that can be read are nearest to it, as text.

    Args:
        root: an existing folder.
    """
    folder = Path(root)
    lines = ["What is there:"]
    counts = count_files(folder)
    for place, suffixes in list(counts.items())[:_FOLDERS]:
        files = ", ".join(f"{count} {suffix}" for suffix, count in sorted(suffixes.items()))
        lines.append(f"- {place}: {files}")
    if len(counts) > _FOLDERS:
        lines.append(f"- and {len(counts) - _FOLDERS} more folders")
    if not counts:
        lines.append("- no images and no files of labels")
    lines.append("What can be read, the nearest first:")
    for name, missing in nearest_layouts(folder)[:_NEAREST]:
        needed = ", ".join(LAYOUTS[name])
        lines.append(f"- {name}: {needed}. Missing: {', '.join(missing) or 'nothing'}.")
    lines.append("docs/data.md describes these layouts; --layout selects one by name.")
    return "\n".join([*lines, *commands(folder)])


def commands(root: Path) -> list[str]:
    """What to run on a folder that cannot be read as it is, one line each; empty if nothing helps.

    Formats of annotation tools belong before the pairs: their exports may hold masks as well.
    """
    number = len(match_pictures(root).pairs)
    if not number:
        return []
    return [
        f"There are {number} pairs of an image and a mask, by their names. `contextseg data init "
        f"{root}` finds their classes, divides them into train and val, and changes none of them."
    ]


def count_files(root: Path) -> dict[str, Counter[str]]:
    """Number of images and of files that may hold labels, by folder and suffix."""
    counts: dict[str, Counter[str]] = {}
    for path in walk(root).files:
        suffix = path.suffix.lower()
        if suffix in IMAGE_SUFFIXES or suffix in _OF_INTEREST:
            place = path.parent.relative_to(root).as_posix()
            counts.setdefault("the folder itself" if place == "." else f"{place}/", Counter())[
                suffix
            ] += 1
    return counts


def nearest_layouts(root: Path) -> list[tuple[str, list[str]]]:
    """Layouts with what they lack in a folder, those of which most is there first."""
    found = []
    for name, needed in LAYOUTS.items():
        missing = [part for part in needed if not (root / part).exists()]
        steps = [step for part in needed for step in (*reversed(Path(part).parents), Path(part))]
        steps = [step for step in dict.fromkeys(steps) if step != Path()]
        here = sum((root / step).exists() for step in steps) / len(steps)
        found.append((-here, len(missing), name, missing))
        if name in _OWN and own_class_file(root) is None:
            missing.append(f"classes.json (or {', '.join(list(READERS)[1:])})")
    return [(name, missing) for *_, name, missing in sorted(found, key=lambda each: each[:2])]
