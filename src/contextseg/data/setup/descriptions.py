"""What was found in a folder, in words."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from contextseg.data.affixes import Rule
from contextseg.data.classes import Classes
from contextseg.data.setup.matching import Match, Pair
from contextseg.data.setup.path_words import Role, role_of_folder
from contextseg.data.setup.plan import SplitPlan
from contextseg.data.wording import some


def arrangement(root: Path, pairs: Sequence[Pair], rule: Rule) -> str:
    """Where the images and masks are, and how their names differ."""
    images, masks = (_place(root, paths) for paths in ([p.image for p in pairs],
                                                       [p.mask for p in pairs]))  # fmt: skip
    named = f"; {rule}" if str(rule) else ""
    if images == masks:
        return f"images and masks in {images}{named}"
    return f"images in {images}, masks in {masks}{named}"


def left_over(root: Path, match: Match) -> list[str]:
    """Notes on pictures that are in no pair, and on what cannot be read."""
    return match.unread + [
        f"{len(paths)} {what}: {some([path.relative_to(root).as_posix() for path in paths])}."
        for paths, what in (
            (match.images, "images have no mask"),
            (match.masks, "masks have no image"),
            (match.others, "pictures are neither images nor masks of classes, as it seems"),
        )
        if paths
    ]


def further_masks(root: Path, match: Match) -> list[str]:
    """A note on masks of the same images in other folders, as of tools with a folder per class."""
    taken = {pair.mask for pair in match.pairs}
    names, folders = {path.name for path in taken}, {path.parent for path in taken}
    others = [
        path
        for path in match.others
        if path.name in names
        and path.parent not in folders
        and role_of_folder(PurePosixPath(path.relative_to(root).parent.as_posix())) is Role.MASKS
    ]
    if not others:
        return []
    places = sorted({path.parent.relative_to(root).as_posix() for path in others})
    return [
        f"{len(others)} images have further masks, in {some(places)}, which are not used. If each "
        f"folder holds the masks of one class, draw them into one mask for each image, with an id "
        f"for each class."
    ]


def no_pairs(root: Path, match: Match) -> str:
    """Why a folder has no pairs."""
    images, masks = (
        [path.relative_to(root).as_posix() for path in paths]
        for paths in (match.images, match.masks)
    )
    if images and masks:
        return (
            f"no image ({len(images)}) and mask ({len(masks)}) belong together: images are called "
            f"{images[0]!r} or alike, masks {masks[0]!r} or alike. Give each mask the name of its "
            f"image, or that name and one ending that all masks share, such as _mask."
        )
    if not images and not masks and not match.others:
        return "there are no pictures in it."
    found = [*images, *masks, *(p.relative_to(root).as_posix() for p in match.others)]
    return (
        f"no image has a mask. There are {len(found)} pictures: {some(found)}. A mask is a PNG of "
        f"the size of its image whose pixels are ids or colours of classes."
    )


def in_one_split(classes: Classes, splits: Mapping[str, SplitPlan]) -> list[str]:
    """Notes on classes that only one of train and val has."""
    train, val = (splits[name].class_images for name in ("train", "val"))
    notes = []
    for name, here, other in (("train", train, val), ("val", val, train)):
        alone = [info.name for i, info in enumerate(classes.classes) if here[i] and not other[i]]
        if alone:
            notes.append(f"Classes in {name} only: {some(alone)}.")
    return notes


def _place(root: Path, paths: Sequence[Path]) -> str:
    folders = {path.parent for path in paths}
    common = Path(os.path.commonpath(folders)).relative_to(root).as_posix()
    text = "the folder itself" if common == "." else f"{common}/"
    return text if len(folders) == 1 else f"{text} (in {len(folders)} folders)"
