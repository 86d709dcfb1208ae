"""Find out what a folder of images and masks needs to be a data set, and write it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from contextseg.data import recognised, splits_of
from contextseg.data.class_files import own_class_file, read_own_classes
from contextseg.data.classes import Classes
from contextseg.data.folder import require_root
from contextseg.data.layouts import Recognised
from contextseg.data.pair_lists import can_be_listed
from contextseg.data.setup.descriptions import (
    arrangement,
    further_masks,
    in_one_split,
    left_over,
    no_pairs,
)
from contextseg.data.setup.found_classes import classes_of, presence
from contextseg.data.setup.found_splits import find_splits
from contextseg.data.setup.grouping import GroupBy, divide, require_division
from contextseg.data.setup.mask_values import MaskValues, looks_like_mask, read_values
from contextseg.data.setup.matching import Pair, match_pictures
from contextseg.data.setup.needed_files import CLASSES, class_text, needed_lists
from contextseg.data.setup.plan import DataPlan
from contextseg.data.setup.splits import NEEDED, choose_splits
from contextseg.data.survey import inner_data_sets, recognised_format, survey
from contextseg.data.wording import quoted, some


def init_data(
    path: str | os.PathLike[str],
    *,
    val: float = 0.2,
    seed: int = 0,
    group_by: GroupBy = "auto",
    overwrite: bool = False,
    dry_run: bool = False,
    workers: int | None = None,
) -> DataPlan:
    """Make a data set of a folder of images and masks, whatever its arrangement.

    Images and masks are paired by their names, classes are found in the masks, and images are
    divided into train and val unless folders or lists do that. Only `classes.json` and lists in
    `splits/` are written; all other files stay as they are. What is there already is kept.

    Args:
        path: the folder.
        val: share of the images for validation, above 0 and below 1, where there is no such split.
        seed: of the division, at least 0; the same folder and seed give the same division.
        group_by: what stays in one split: each `folder`, each series of names that differ in the
            number at their end (`prefix`), or nothing (`none`). `auto` takes folders or series if
            there are enough of them.
        overwrite: replace `classes.json` and the lists in `splits/`.
        dry_run: write nothing.
        workers: number of reading threads; None takes one for each core that may be used.

    Returns:
        What was found, and the files that were written (or would be).

    Raises:
        ValueError: there are no pairs, the masks hold no classes, a file that is there does not
            fit, or an option is out of range; the message names the file and says what to do.
        FileExistsError: a list that is there would have to be replaced.
    """
    require_division(val, seed, group_by)
    require_root(path)
    root = Path(path)
    public = _public(root)
    if public is not None and (public.classes is None or not overwrite):
        return _as_it_is(root, public)
    match = match_pictures(root, looks_like_mask)
    if not match.pairs:
        raise ValueError(f"{root}: {no_pairs(root, match)}\n{survey(root)}")
    pairs, values, problems = _usable(root, match.pairs, workers)
    masks = [pair.mask for pair in pairs]
    own = None if overwrite else read_own_classes(root)
    notes = [*further_masks(root, match), *left_over(root, match)]
    if own is None:
        classes, found = classes_of(values, masks, root.resolve().name)
        notes += [*found, *_names_elsewhere(root)]
    else:
        classes = own
    counts = _counts(root, values, masks, classes, found=own is None)
    chosen = choose_splits(
        pairs,
        counts[:, :-1] > 0,
        find_splits(root, pairs, with_own=not overwrite),
        lambda pool: divide(
            [pairs[i] for i in pool], counts[pool, :-1] > 0, match.rule, val, seed, group_by
        ),
    )
    files = {} if own is not None else {CLASSES: class_text(classes)}
    files |= needed_lists(root, classes, chosen.splits, overwrite)
    plan = DataPlan(
        root=root,
        layout=arrangement(root, pairs, match.rule),
        classes=classes,
        class_pixels=counts[:, :-1].sum(0),
        splits=chosen.splits,
        division=chosen.how,
        files=files,
        notes=[*notes, *chosen.notes, *in_one_split(classes, chosen.splits)],
        problems=problems,
    )
    if not dry_run:
        plan.write()
    return plan


def _names_elsewhere(root: Path) -> list[str]:
    """Notes on annotations, or a data set further below, that name the classes."""
    inner = inner_data_sets(root)
    if inner:
        return [
            f"{some([str(path) for path in inner])} names classes of its own. If that is the data "
            f"set, give its folder instead of {root}."
        ]
    found = recognised_format(root)
    if found is None:
        return []
    return [
        f"There are annotations in the format {found}, which may name the classes. `contextseg "
        f"data import {quoted(root)} -o DIR` reads them into a new folder."
    ]


def _public(root: Path) -> Recognised | None:
    """The data set in the structure of a public one that needs nothing else; else None."""
    try:
        found = recognised(str(root))
        if found is None or not {*NEEDED} <= {*splits_of(str(root))}:
            return None
    except ValueError:  # the structure alone, with classes of one's own, or several data sets
        return None
    return found


def _as_it_is(root: Path, found: Recognised) -> DataPlan:
    classes = found.classes or found.layout.classes
    note = "It is read as it is: nothing has to be written."
    return DataPlan(
        root=root,
        layout=f"{found.layout.classes.dataset} or its structure ({found.layout.name})",
        classes=classes,
        class_pixels=np.zeros(classes.num_classes, np.int64),
        splits={},
        division=f"the splits {', '.join(splits_of(str(root)))}",
        files={},
        notes=[note],
        problems=[],
    )


def _usable(
    root: Path, pairs: Sequence[Pair], workers: int | None
) -> tuple[list[Pair], list[MaskValues], list[str]]:
    """Pairs whose files can be read, the values of their masks, and what is wrong with others."""
    problems = [
        f"{path}: lists cannot hold its name, with a tab, a line break or a space at an end. "
        f"Rename the file."
        for pair in pairs
        for path in (pair.image, pair.mask)
        if not can_be_listed(path, root)
    ]
    pairs = [p for p in pairs if can_be_listed(p.image, root) and can_be_listed(p.mask, root)]
    values, unread = read_values(pairs, workers)
    problems += unread
    good = [(pair, each) for pair, each in zip(pairs, values, strict=True) if each is not None]
    if not good:
        more = f" The other {len(problems) - 1} pairs have faults, too." if problems[1:] else ""
        raise ValueError(f"{problems[0]}{more}")
    return [pair for pair, _ in good], [each for _, each in good], problems


def _counts(
    root: Path,
    values: Sequence[MaskValues],
    masks: Sequence[Path],
    classes: Classes,
    found: bool,
) -> np.ndarray:
    """Pixels of each class in each mask, as `presence`; raises if there is nothing to learn."""
    try:
        counts = presence(values, masks, classes)
    except ValueError as error:
        if found:
            raise
        path = own_class_file(root)
        raise ValueError(
            f"{error} The classes are those of {path}; --overwrite writes {CLASSES} anew, from "
            f"what the masks hold."
        ) from None
    if found and classes.num_classes == 1 and not counts[:, -1].any():
        info = classes.classes[0]
        what = f"colour {list(info.color)}" if values[0].are_colors else f"id {info.id}"
        raise ValueError(
            f"{masks[0]}: this and all other masks ({len(masks)}) hold nothing but the {what}, so "
            f"there is nothing to learn. If what you see in them is transparency, export them "
            f"without an alpha channel; if it is nothing, the labels were lost."
        )
    return counts
