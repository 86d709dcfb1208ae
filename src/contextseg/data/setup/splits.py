"""The splits of a data set: those that are there, and what they lack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from contextseg.data.setup.found_splits import Found
from contextseg.data.setup.grouping import Division
from contextseg.data.setup.matching import Pair
from contextseg.data.setup.plan import SplitPlan
from contextseg.data.wording import some

NEEDED = ("train", "val")
"""Splits that a training reads by default."""


class Chosen(NamedTuple):
    """The splits of a data set."""

    splits: dict[str, SplitPlan]
    """By name: train, val, and test if there is one."""
    how: str
    """What divides the images."""
    notes: list[str]
    """What was taken for granted."""


def choose_splits(
    pairs: Sequence[Pair],
    presence: np.ndarray,
    found: Found,
    divide: Callable[[list[int]], Division],
) -> Chosen:
    """Take the splits that are there; without train and val, divide all but the test images.

    Args:
        pairs: the pairs.
        presence: [N, L], bool: classes in each.
        found: splits that are there.
        divide: divides the pairs at these places.
    """
    places = {name: [i for i, split in enumerate(found.of) if split == name]
              for name in (*NEEDED, "test")}  # fmt: skip
    notes = list(found.notes)
    groups = np.arange(len(pairs))
    how = found.how
    if not all(places[name] for name in NEEDED):
        if len(places["test"]) == len(pairs):
            places["test"] = []
        there = {name: len(chosen) for name, chosen in places.items() if chosen}
        kept = set(places["test"])
        pool = [i for i in range(len(pairs)) if i not in kept]
        division = divide(pool)
        if there:
            named = ", ".join(f"{name} ({count} images)" for name, count in there.items())
            notes.append(
                f"Of the splits there is only {named}, {how}; train and val are divided off all "
                f"images{' but those' if kept else ''}."
            )
        how, notes = f"divided: {division.how}", notes + division.notes
        groups[pool] = division.groups
        places["train"], places["val"] = (
            [pool[i] for i in np.flatnonzero(side)] for side in (~division.is_val, division.is_val)
        )
    else:
        alone = [pairs[i].image.name for i, split in enumerate(found.of) if split is None]
        if alone:
            notes.append(f"{len(alone)} images with masks are in no split: {some(alone)}.")
    splits = {
        name: SplitPlan(
            pairs=[(pairs[i].image, pairs[i].mask) for i in chosen],
            class_images=presence[chosen].sum(0),
            groups=len(set(groups[chosen].tolist())),
        )
        for name, chosen in places.items()
        if chosen
    }
    return Chosen(splits, how, notes)
