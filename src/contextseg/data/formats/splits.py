"""Which split an image of an export belongs to: what the export says, else a division."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contextseg.data.affixes import Rule
from contextseg.data.classes import Classes
from contextseg.data.formats.log import Log
from contextseg.data.setup.descriptions import in_one_split
from contextseg.data.setup.found_splits import Found
from contextseg.data.setup.grouping import Division, GroupBy, divide
from contextseg.data.setup.matching import Pair
from contextseg.data.setup.path_words import SPLITS
from contextseg.data.setup.plan import SplitPlan
from contextseg.data.setup.splits import NEEDED, choose_splits

UNDIVIDED = ".undivided"
"""Folder of images whose split is not known yet."""


@dataclass(slots=True)
class Placed:
    """An imported image in the new folder."""

    reference: str
    """Path of the image in the export."""
    image: Path
    """Its file, in `images/SPLIT`."""
    mask: Path
    """Its mask, in `masks/SPLIT`."""
    ids: np.ndarray
    """Ids in the mask, [k]."""
    split: str | None
    """Its split, if it is known."""

    def move(self, split: str) -> None:
        """Put it into a split."""
        for name in ("image", "mask") if split != self.split else ():
            path: Path = getattr(self, name)
            target = path.parent.parent / split / path.name
            target.parent.mkdir(exist_ok=True)
            setattr(self, name, path.rename(target))
        self.split = split


def split_name(text: str) -> str | None:
    """The split that a name such as `Train`, `valid` or `instances_val2017` stands for, or None.

    Names such as `default`, which CVAT gives to images without a split, stand for none.
    """
    words = reversed(re.split(r"[^a-z]+", text.lower()))
    return next((SPLITS[word] for word in words if word in SPLITS), None)


def put_into_splits(
    placed: Sequence[Placed],
    classes: Classes,
    source: Path,
    log: Log,
    *,
    val: float,
    seed: int,
    group_by: GroupBy,
) -> None:
    """Move images to the splits of the export, or to train and val as `data init` divides them.

    An export with validation images keeps its splits, and images without a split are for training.
    Of one without, all images but those of test (and of splits with other names) are divided,
    unless none is for training.

    Args:
        placed: all images.
        classes: the classes of the masks.
        source: the export, for messages.
        log: told what was decided.
        val: share for validation, 0 to 1; 0 divides nothing.
        seed: breaks ties.
        group_by: what stays together.

    Raises:
        ValueError: all images are in one group of those that were asked for.
    """
    placed = sorted(placed, key=lambda each: Path(each.reference))
    presence = np.array([np.isin(classes.ids, each.ids) for each in placed])
    splits = {each.split for each in placed}
    pool = [i for i, each in enumerate(placed) if each.split in (None, "train")]
    if val and pool and "val" not in splits:
        if len(pool) > 1:
            _divide(placed, pool, presence, source, log, val, seed, group_by)
        else:
            log.note(
                f"{placed[pool[0]].reference} is the only image for training, so that none is for "
                f"validation."
            )
    bare = [each for each in placed if each.split is None]
    if bare and val and "val" in splits:
        log.note(f"{len(bare)} images without a split are for training.")
    for each in bare:
        each.move("train")
    plans = {
        name: SplitPlan([], presence[[each.split == name for each in placed]].sum(0), 0)
        for name in NEEDED
    }
    if all(any(each.split == name for each in placed) for name in NEEDED):
        for note in in_one_split(classes, plans):
            log.note(note)


def _divide(
    placed: Sequence[Placed],
    pool: list[int],
    presence: np.ndarray,
    source: Path,
    log: Log,
    val: float,
    seed: int,
    group_by: GroupBy,
) -> None:
    pairs = [Pair(source / placed[i].reference, placed[i].mask, "") for i in pool]

    def divided(places: list[int]) -> Division:
        chosen = [pool[i] for i in places]
        return divide([pairs[i] for i in places], presence[chosen], Rule(), val, seed, group_by)

    found = Found([placed[i].split for i in pool], "as the export says", [])
    chosen = choose_splits(pairs, presence[pool], found, divided)
    of_mask = {mask: name for name, plan in chosen.splits.items() for _, mask in plan.pairs}
    for i in pool:
        placed[i].move(of_mask[placed[i].mask])
    number = len(chosen.splits["val"].pairs)
    log.note(
        f"The export has no images for validation, so {number} of {len(pool)} are ({chosen.how})."
    )
    for note in chosen.notes:
        log.note(note)
