"""Which images stay together in one split: frames of one video, pictures of one folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from contextseg.data.affixes import Rule
from contextseg.data.setup.division import stratified
from contextseg.data.setup.matching import Pair
from contextseg.data.setup.path_words import series_of

GroupBy = Literal["auto", "folder", "prefix", "none"]
GROUPINGS: tuple[str, ...] = get_args(GroupBy)
_FEWEST = 3
"""Groups that a division by them needs, if nobody asks for it."""


class Division(NamedTuple):
    """Images divided into train and val."""

    is_val: np.ndarray
    """[N], bool."""
    groups: np.ndarray
    """[N], int: the group of each image."""
    how: str
    """What the groups are."""
    notes: list[str]
    """What the groups cost."""


def require_division(val: float, seed: int, by: str, *, least: float | None = None) -> None:
    """Raise ValueError if an option of a division is out of range.

    Args:
        val: share of the images for validation, below 1, and above 0 unless `least` is 0.
        seed: at least 0.
        by: one of `GROUPINGS`.
        least: the smallest share, if it is allowed itself.
    """
    if not (0 < val < 1 or val == least):
        above = "above 0" if least is None else "at least 0"
        raise ValueError(f"val must be a share {above} and below 1, such as 0.2, got {val}.")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}.")
    if by not in GROUPINGS:
        raise ValueError(f"group_by must be one of {', '.join(GROUPINGS)}, got {by!r}.")


def divide(
    pairs: Sequence[Pair], presence: np.ndarray, rule: Rule, val: float, seed: int, by: GroupBy
) -> Division:
    """Divide images into train and val, stratified by the classes that are in them.

    `auto` takes folders if the images are in three or more; else the series that names with a
    number at their end form, if there are three or more of three images on average; else single
    images. Folders that are classes, so that most classes would be in one split only, are no groups
    for `auto`.

    Args:
        pairs: the images and masks.
        presence: [N, L], bool: classes in each.
        rule: how their names differ.
        val: share of the images for validation.
        seed: breaks ties.
        by: what stays together.

    Raises:
        ValueError: there are fewer than two images, or all images are in one group.
    """
    if len(pairs) < 2:
        raise ValueError(
            f"{pairs[0].image}: is the only image with a mask, but one is needed for training and "
            f"one for validation. Add images with masks."
        )
    folders = _numbered([str(pair.image.parent) for pair in pairs])
    series = _numbered([f"{pair.image.parent}/{_series(pair, rule)}" for pair in pairs])
    single = np.arange(len(pairs))
    ways = {"folder": folders, "prefix": series, "none": single}
    if by != "auto":
        groups = ways[by]
        if groups.max() == 0:
            what = "folder" if by == "folder" else "series: their names differ in the number only"
            raise ValueError(
                f"{pairs[0].image.parent}: all images are in one {what}, which cannot be divided. "
                f"Choose --group-by none, or a division of your own in splits/train.txt and "
                f"splits/val.txt."
            )
        return _divided(groups, by, presence, val, seed)
    if folders.max() + 1 >= _FEWEST:
        found = _divided(folders, "folder", presence, val, seed)
        if not _separates_classes(presence, found.is_val):
            return found
    number = int(series.max()) + 1
    if number >= _FEWEST and len(pairs) >= _FEWEST * number:
        found = _divided(series, "prefix", presence, val, seed)
        if not _separates_classes(presence, found.is_val):
            return found
    found = _divided(single, "none", presence, val, seed)
    if len(set(folders.tolist())) > 1 or number < len(pairs):
        found.notes.append(
            "Images are divided one by one. If some are frames of one video, --group-by folder or "
            "prefix keeps them together; `contextseg data check` finds frames that are alike."
        )
    return found


def _series(pair: Pair, rule: Rule) -> str:
    stem = pair.image.stem
    return series_of(stem.removesuffix(rule.image) if rule.at_end else stem)


def _numbered(names: Sequence[str]) -> np.ndarray:
    return np.unique(names, return_inverse=True)[1]


def _divided(groups: np.ndarray, by: str, presence: np.ndarray, val: float, seed: int) -> Division:
    is_val = stratified(presence, groups, val, seed)
    largest = max(Counter(groups.tolist()).values())
    how = {
        "folder": "each folder in one split",
        "prefix": "each series (names that differ in the number at their end) in one split",
        "none": "each image for itself",
    }[by]
    notes = []
    share = float(is_val.mean())
    if abs(share - val) > max(0.05, 1 / len(groups)):
        notes.append(
            f"val has {100 * share:.0f}% of the images instead of {100 * val:.0f}%: the largest of "
            f"{groups.max() + 1} groups has {largest} images of {len(groups)}, or rare classes are "
            f"in large ones."
        )
    return Division(is_val, groups, f"{how}, seed {seed}", notes)


def _separates_classes(presence: np.ndarray, is_val: np.ndarray) -> bool:
    """Whether more than half of the classes of several images are in one split only."""
    several = presence.sum(0) > 1
    alone = several & ~(presence[is_val].any(0) & presence[~is_val].any(0))
    return bool(2 * alone.sum() > several.sum())
