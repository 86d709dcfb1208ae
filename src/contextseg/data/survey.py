"""What is in a folder that is no known data set, and what it is nearest to."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from contextseg.data.class_files import READERS, own_class_file
from contextseg.data.places import splits_in
from contextseg.data.setup.mask_values import looks_like_mask
from contextseg.data.setup.matching import match_pictures
from contextseg.data.suffixes import IMAGE_SUFFIXES, UNFIT_SUFFIXES
from contextseg.data.walk import walk
from contextseg.data.wording import quoted

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
_ARRAYS = frozenset({".npy", ".npz", ".mat", ".h5", ".hdf5", ".nii"})
_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
_OF_INTEREST = _ARRAYS | UNFIT_SUFFIXES | {*_ARCHIVES, ".json", ".xml", ".txt", ".csv", ".yaml",
                                           ".yml", ".parquet"}  # fmt: skip


def survey(root: str | os.PathLike[str]) -> str:
    """What a folder holds, and what to do with it, as text.

    That is the format of an annotation tool; else the layouts that are nearest to it.

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
    found = recognised_format(folder)
    if found is None:
        lines.append("What can be read, the nearest first:")
        for name, missing in nearest_layouts(folder)[:_NEAREST]:
            needed = ", ".join(LAYOUTS[name])
            lines.append(f"- {name}: {needed}. Missing: {', '.join(missing) or 'nothing'}.")
        lines.append("docs/data.md describes these layouts; --layout selects one by name.")
    return "\n".join([*lines, *commands(folder)])


def commands(path: Path) -> list[str]:
    """What to run on a folder or file that is no data set yet, one line each.

    Empty if nothing helps. Formats of annotation tools come before pairs of pictures: exports of
    theirs may hold masks as well.
    """
    lines = []
    found, shown = recognised_format(path), quoted(path)
    if found is not None:
        lines.append(
            f"There are annotations in the format {found}. `contextseg data import {shown} -o DIR` "
            f"makes a data set of them in a new folder DIR."
        )
    elif path.is_file() and path.name.lower().endswith(_ARCHIVES):
        lines.append("It is an archive. Unpack it, and give the folder.")
    if path.is_file():
        return lines
    for inner in inner_data_sets(path)[:_NEAREST]:
        lines.append(f"There is a data set in {inner}: give that folder.")
    number = len(match_pictures(path, looks_like_mask).pairs)
    if number:
        lines.append(
            f"There are {number} pairs of an image and a mask, by their names. `contextseg data "
            f"init {shown}` finds their classes, divides them into train and val, and changes none "
            f"of them."
        )
    arrays = Counter(file.suffix.lower() for file in walk(path).files) if not lines else {}
    if found_arrays := sorted(arrays.keys() & _ARRAYS):
        lines.append(
            f"Masks in {', '.join(found_arrays)} files are not read. Save each as PNG: "
            f"PIL.Image.fromarray(labels.astype('uint8')).save('NAME.png')."
        )
    return lines


def inner_data_sets(root: Path) -> list[Path]:
    """Folders below `root` that name classes of their own and have images and masks, sorted."""
    folders = {file.parent for file in walk(root).files if file.name in READERS}
    return sorted(path for path in folders if path != root and splits_in(path))


def recognised_format(path: Path) -> str | None:
    """The format of an annotation tool that a folder or file is in: its name and title; or None."""
    # Only messages need it, and the readers of formats take a while to import.
    from contextseg.data.formats.catalogue import FORMATS, recognise

    name = recognise(path)
    return None if name is None else f"{name}, {FORMATS[name].title}"


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
