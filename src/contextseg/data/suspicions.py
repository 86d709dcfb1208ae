"""What in a dataset is no fault of a file but is worth a look: copies, odd images, odd ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from contextseg.data import splits_of
from contextseg.data.check import Report
from contextseg.data.leakage import Checked, images_of, near_duplicates, without_parts
from contextseg.data.mask_files import read_stored_mask
from contextseg.data.picture_files import ImageError
from contextseg.data.sample import Dataset
from contextseg.data.wording import some
from contextseg.data.wrong_labels import WRONG, read_wrong, sorted_out

_SHOWN = 5
_FEWEST = 10
"""Images among which one can be unusual."""
_UNUSUAL_AREA = 4.0
"""Factor between the area of an image and the median."""
_UNUSUAL_GREY, _SPREADS, _BLANK = 40.0, 6.0, 2.0
"""Grey levels off the median, and how many times the usual distance from it, that make an image
unusual; and the spread of greys below which it is blank."""
_READ = 64


def suspicions(checked: Checked) -> list[str]:
    """What is worth a look in the splits of a dataset, one message each.

    - images whose labels somebody called wrong, in `wrong_labels.txt`;
    - splits that are part of another one, which are not looked at any further;
    - images that are in two splits or, if images were decoded, nearly repeat an image of another
      split (leakage);
    - names that differ in case only, which some systems take for one;
    - images unlike all others of their split in size or brightness, or blank;
    - classes in no image, or in one split only;
    - ids that seem to be counted from 0 in one place and from 1 in another.

    Args:
        checked: the splits with labels, and their reports.
    """
    apart, notes = without_parts(checked)
    return [*notes, *_called_wrong(checked), *_leaks(apart), *_clashes(apart),
            *_odd_images(apart),
            *_lonely_classes(apart), *_shifted_ids(apart)]  # fmt: skip


def _called_wrong(checked: Checked) -> Iterator[str]:
    roots = [getattr(dataset, "root", None) for dataset, _ in checked]
    if not roots or roots[0] is None or not (listed := read_wrong(Path(roots[0]))):
        return
    read = {data.split for data, _ in checked}
    images = [(data.split, name) for data, _ in checked for name in data.names]
    there, unknown = sorted_out(listed, images, set(splits_of(str(roots[0]))) - read)
    if there:
        named = [f"{name} ({listed[name]})" if listed[name] else name for name in there]
        many = "image has labels" if len(there) == 1 else "images have labels"
        yield f"{len(there)} {many} that somebody called wrong ({WRONG}): {some(named)}."
    if unknown:
        many = "name is no image" if len(unknown) == 1 else "names are no images"
        yield f"{WRONG}: {len(unknown)} {many} with labels: {some(unknown)}."


def _leaks(checked: Checked) -> Iterator[str]:
    ordered = sorted(checked, key=lambda each: (each[0].split != "train", each[0].split == "test"))
    for (one, first), (two, second) in combinations(ordered, 2):
        files = images_of(one)
        same = [name for path, name in images_of(two).items() if path in files]
        if same:
            yield (
                f"{two.split}: {len(same)} of {len(two)} images are images of {one.split}, too, "
                f"which makes scores on them too good: {some(same)}."
            )
        if first.looks is None or second.looks is None:
            continue
        known = {*same}
        found = [each for each in near_duplicates(first.looks, second.looks)
                 if two.names[each.second] not in known]  # fmt: skip
        if found:
            pairs = [f"{two.names[b]} and {one.names[a]}" for a, b, _ in found[:_SHOWN]]
            more = f", and {len(found) - _SHOWN} more pairs" if len(found) > _SHOWN else ""
            images = len({alike.second for alike in found})
            yield (
                f"{two.split}: {images} of {len(two)} images nearly "
                f"{'repeats an image' if images == 1 else 'repeat images'} of {one.split}, which "
                f"makes scores on them too good: {'; '.join(pairs)}{more}."
            )


def _clashes(checked: Checked) -> Iterator[str]:
    for dataset, _ in checked:
        alike = defaultdict[str, list[str]](list)
        for name in dataset.names:
            alike[name.casefold()].append(name)
        clashing = [" and ".join(names) for names in alike.values() if len(names) > 1]
        if clashing:
            yield (
                f"{dataset.split}: names that differ in case only, which Windows and macOS take "
                f"for one file: {some(clashing)}."
            )


def _odd_images(checked: Checked) -> Iterator[str]:
    for dataset, report in checked:
        looks = report.looks
        if looks is None or len(looks) < _FEWEST:
            continue
        names = [dataset.names[int(index)] for index in looks.indices]
        area = looks.sizes.prod(1) / np.median(looks.sizes.prod(1))
        grey = looks.thumbs.mean((1, 2))
        off = np.abs(grey - np.median(grey))
        sizes = [f"{rows} x {columns}" for rows, columns in looks.sizes.tolist()]
        greys = [f"mean grey {value:.0f}" for value in grey.tolist()]
        for is_odd, what, values in (
            ((area > _UNUSUAL_AREA) | (area < 1 / _UNUSUAL_AREA), "of unusual size", sizes),
            (off > max(_UNUSUAL_GREY, _SPREADS * np.median(off)), "of unusual brightness", greys),
            (looks.thumbs.std((1, 2)) < _BLANK, "without content (one grey)", greys),
        ):
            odd = np.flatnonzero(is_odd).tolist()
            if 0 < len(odd) <= len(looks) // 10 + 1:  # more are no exceptions
                named = some([f"{names[i]} ({values[i]})" for i in odd])
                yield f"{dataset.split}: {len(odd)} of {len(looks)} images {what}: {named}."


def _lonely_classes(checked: Checked) -> Iterator[str]:
    if not checked:
        return
    present = [report.class_images > 0 for _, report in checked]
    classes = checked[0][0].classes
    number = np.sum(present, axis=0)
    absent = [name for name, times in zip(classes.names, number, strict=True) if not times]
    if absent and not any(report.problems for _, report in checked):
        yield f"No image has {some(absent)}."
    if len(checked) < 2:
        return
    for (dataset, _), here in zip(checked, present, strict=True):
        alone = [name for name, yes in zip(classes.names, here & (number == 1), strict=True) if yes]
        if alone:
            yield f"{dataset.split}: only this split has {some(alone)}."


def _shifted_ids(checked: Checked) -> Iterator[str]:
    for dataset, report in checked:
        unknown = _unknown_ids(dataset, report)
        ids = sorted(dataset.classes.ids.tolist())
        first, last = ids[0], ids[-1]
        lacks = {id: not report.class_images[dataset.classes.ids.tolist().index(id)]
                 for id in (first, last)}  # fmt: skip
        if unknown == {last + 1} and lacks[first]:
            yield _shift_message(dataset, first + 1, last + 1, first, last)
        elif unknown == {first - 1} and lacks[last]:
            yield _shift_message(dataset, first - 1, last - 1, first, last)
    for (one, first), (two, second) in combinations(checked, 2):
        for low, high, name, other in (
            (first.class_pixels, second.class_pixels, one.split, two.split),
            (second.class_pixels, first.class_pixels, two.split, one.split),
        ):
            if _fits_shifted(low, high):
                yield (
                    f"{other}: the classes are as frequent as those of {name} one id lower. One of "
                    f"the two may count ids from 0, the other from 1."
                )


def _shift_message(dataset: Dataset, low: int, high: int, first: int, last: int) -> str:
    return (
        f"{dataset.split}: the masks hold the ids {low} to {high}, but the classes are {first} to "
        f"{last}. One of the two may count from 0, the other from 1: correct the ids in "
        f"classes.json."
    )


def _unknown_ids(dataset: Any, report: Report) -> set[int]:
    """Ids that are no class's, in masks that the check refused."""
    known = {info.id for info in dataset.classes.classes + dataset.classes.ignored} | {255}
    found: set[int] = set()
    if not hasattr(dataset, "mask_path"):  # a class of one's own
        return found
    for index in report.faulty[:_READ]:
        try:
            values = read_stored_mask(dataset.mask_path(index)).values
        except ImageError:
            continue
        if values.ndim == 2:
            found |= set(np.unique(values).tolist())
    return found - known


def _fits_shifted(low: np.ndarray, high: np.ndarray) -> bool:
    """Whether frequencies agree only if those of `high` are moved down by one class."""
    if len(low) < 4 or high[0] or not low[0] or not low.any() or not high.any():
        return False
    return _cosine(low[:-1], high[1:]) > 0.9 and _cosine(low, high) < 0.5


def _cosine(one: np.ndarray, two: np.ndarray) -> float:
    one, two = one.astype(float), two.astype(float)
    return float(one @ two / max(np.linalg.norm(one) * np.linalg.norm(two), 1e-9))
