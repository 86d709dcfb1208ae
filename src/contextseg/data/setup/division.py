"""Divide images into train and val: groups stay together, and both have every class they can."""

from __future__ import annotations

import numpy as np

_TOLERANCE = 0.01
"""Share of the images by which the splits may differ from what is asked for."""


def stratified(
    presence: np.ndarray, groups: np.ndarray, val_share: float, seed: int = 0
) -> np.ndarray:
    """Choose the images of the validation split.

    Iterative stratification (Sechidis et al., 2011) over groups: the class in the fewest groups
    comes first, and each of its groups goes where that class lacks most. A class in two groups or
    more is in both splits wherever the groups allow it; a class in one group is in train.

    Args:
        presence: [N, L], bool: classes in each image.
        groups: [N], int, in 0 to G - 1: images of one group stay together.
        val_share: share of the images for validation, above 0 and below 1.
        seed: breaks ties; the same arguments always give the same choice.

    Returns:
        [N], bool: whether an image is for validation. Both splits have an image if G > 1.
    """
    number = int(groups.max()) + 1
    sizes = np.bincount(groups, minlength=number)
    counts = np.zeros((number, presence.shape[1]))
    np.add.at(counts, groups, presence)
    order = np.random.default_rng(seed).permutation(number)
    is_val = _assigned(counts[order], sizes[order], np.array([1 - val_share, val_share]))
    _repair(counts[order] > 0, sizes[order], is_val, val_share)
    _balance(counts[order], sizes[order], is_val, val_share)
    chosen = np.zeros(number, bool)
    chosen[order] = is_val
    return chosen[groups]


def _assigned(counts: np.ndarray, sizes: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """[G], bool: the groups for validation."""
    wanted = shares[:, None] * counts.sum(0)  # [2, L], images of each class
    room = shares * sizes.sum()
    has = counts > 0
    lacking = np.ones((2, counts.shape[1]), bool)
    left = has.sum(0)
    is_val = np.zeros(len(sizes), bool)
    free = np.ones(len(sizes), bool)

    def put(group: int, side: int) -> None:
        wanted[side] -= counts[group]
        room[side] -= sizes[group]
        lacking[side] &= ~has[group]
        left[has[group]] -= 1
        is_val[group] = side == 1
        free[group] = False

    while (left > 0).any():
        rarest = int(np.where(left > 0, left, left.max() + 1).argmin())
        members = np.flatnonzero(free & has[:, rarest])
        for group in members[np.argsort(-counts[members, rarest], kind="stable")]:
            need = np.flatnonzero(lacking[:, rarest])
            last = left[rarest] <= len(need)
            put(int(group), int(need[0]) if last else _most(wanted[:, rarest], room))
    for group in np.flatnonzero(free):
        put(int(group), int(room.argmax()))
    return is_val


def _most(wanted: np.ndarray, room: np.ndarray) -> int:
    """The side that wants a class most; of two alike, the one with more room."""
    return int((wanted if abs(wanted[0] - wanted[1]) > 1e-9 else room).argmax())


def _repair(has: np.ndarray, sizes: np.ndarray, is_val: np.ndarray, val_share: float) -> None:
    """Move groups, smallest first, while a split lacks a class that the other can spare."""
    if len(sizes) > 1 and is_val.all() == is_val.any():  # one split has all groups
        smallest = int(sizes.argmin() if val_share <= 0.5 else sizes.argmax())
        is_val[:] = False
        is_val[smallest] = True
    for lacks_val in (True, False):
        target, source = (is_val, ~is_val) if lacks_val else (~is_val, is_val)
        in_source, in_target = has[source].sum(0), has[target].sum(0)
        for label in np.flatnonzero((in_target == 0) & (in_source > 1)):
            if in_target[label]:
                continue
            spare = [
                int(group)
                for group in np.flatnonzero(source & has[:, label])
                if (in_source[has[group]] > 1).all()
            ]
            if spare:
                group = min(spare, key=lambda each: (sizes[each], each))
                is_val[group] = lacks_val
                source[group] = False
                in_source -= has[group]
                in_target += has[group]


def _balance(counts: np.ndarray, sizes: np.ndarray, is_val: np.ndarray, val_share: float) -> None:
    """Move groups to the smaller split as long as shares of images and classes come closer.

    No class leaves a split by that.
    """
    totals = np.column_stack([counts, sizes]) / np.maximum([*counts.sum(0), sizes.sum()], 1)
    weights = np.ones(totals.shape[1])
    weights[-1] = len(weights)  # sizes count as much as all classes together
    has = counts > 0
    while True:
        off = totals[is_val].sum(0) - val_share
        if abs(off[-1]) <= _TOLERANCE:
            return
        heavy = is_val if off[-1] > 0 else ~is_val
        in_heavy = has[heavy].sum(0)
        free = np.flatnonzero(heavy & ~(has & (in_heavy == 1)).any(1))
        if not len(free):
            return
        sign = -1 if off[-1] > 0 else 1
        costs = np.abs(off + sign * totals[free]) @ weights
        best = int(costs.argmin())
        if costs[best] >= np.abs(off) @ weights - 1e-9:
            return
        is_val[free[best]] = sign > 0
