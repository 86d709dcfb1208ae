"""Classes from the ids or colours that masks hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from contextseg.config.labels import IGNORED
from contextseg.data.class_files import BORDER
from contextseg.data.classes import Classes, ClassInfo, Color, default_color
from contextseg.data.masks import labels_of_mask
from contextseg.data.setup.mask_faults import require_classes, totals
from contextseg.data.setup.mask_values import MaskValues

_STRETCHED = 10
"""Ids at least so far apart are greys over the whole range: then white is a class."""


def classes_of(
    values: Sequence[MaskValues], paths: Sequence[Path], dataset: str
) -> tuple[Classes, list[str]]:
    """Classes for the values in masks.

    Grey masks of black and white have the classes 0 and 1. Otherwise each id is a class, except
    that 255 is ignored where the other ids are small numbers. Colours of RGB masks get the ids 0,
    1, ... in the order of red, green and blue; the colour of borders in VOC's masks is ignored.

    Args:
        values: of all masks, at least one.
        paths: their files.
        dataset: name of the dataset.

    Returns:
        The classes, called `class_0`, `class_1`, ... by their ids, with the colours of the masks'
        palette or distinct ones; and notes on what was taken for granted.

    Raises:
        ValueError: the masks hold no classes, both ids and colours, or ids above 255; the message
            names a file.
    """
    require_classes(values, paths)
    colored = [each.are_colors for each in values]
    if all(colored):
        return _of_colors(values, dataset)
    if any(colored):
        return _of_both(values, paths, dataset)
    return _of_ids(values, paths, dataset)


def presence(values: Sequence[MaskValues], paths: Sequence[Path], classes: Classes) -> np.ndarray:
    """Pixels of each class in each mask: [N, L + 1], int64, the ignored ones last.

    Raises:
        ValueError: a mask holds what is no class; the message names it.
    """
    counts = np.zeros((len(values), classes.num_classes + 1), np.int64)
    for row, (each, path) in enumerate(zip(values, paths, strict=True)):
        labels = labels_of_mask(each.mask, classes, where=str(path))[0].astype(np.int64)
        np.add.at(counts[row], np.minimum(labels, classes.num_classes), each.pixels)
    return counts


def _of_ids(
    values: Sequence[MaskValues], paths: Sequence[Path], dataset: str
) -> tuple[Classes, list[str]]:
    if _are_black_and_white(values):
        infos = (ClassInfo(0, "class_0", (0, 0, 0)), ClassInfo(1, "class_1", (255, 255, 255)))
        return Classes(dataset, infos), ["Masks are black and white: white is class_1."]
    for each, path in zip(values, paths, strict=True):
        if each.codes[-1] > IGNORED:
            raise ValueError(
                f"{path}: holds the value {each.codes[-1]}, but ids are 0 to 255. If values number "
                f"objects (such as class x 1000 + number), export masks of classes; else save "
                f"the masks with 8 bits."
            )
    ids = totals(values)[0].tolist()
    notes = []
    white_is_class = len(ids) > 2 and int(np.diff(ids).min()) >= _STRETCHED
    ignored = IGNORED in ids and len(ids) > 1 and not white_is_class
    if ignored:
        ids.remove(IGNORED)
        notes.append("Id 255 is ignored. If it is a class, list it in classes.json.")
    colors = _palette(values, paths, ids)
    infos = tuple(ClassInfo(id, f"class_{id}", colors[id]) for id in ids)
    white = (ClassInfo(IGNORED, "ignored", _other_than(colors)),) if ignored else ()
    return Classes(dataset, infos, white), notes


def _are_black_and_white(values: Sequence[MaskValues]) -> bool:
    """Whether `contextseg.data.masks` reads the white of all masks as class 1."""
    found = False
    for each in values:
        codes, white = set(each.codes.tolist()), each.mask.white
        if codes <= {0, 1}:
            continue
        if white is None or not (codes <= {0, IGNORED} or codes <= {0, white}):
            return False
        found = True
    return found


def _palette(
    values: Sequence[MaskValues], paths: Sequence[Path], ids: list[int]
) -> dict[int, Color]:
    """Colours by id: those that all palettes give, where they are distinct; else our own."""
    shown: dict[int, set[Color]] = {}
    ids_of: dict[Color, dict[int, Path]] = {}
    for each, path in zip(values, paths, strict=True):
        palette = each.mask.palette
        if palette is None:
            continue
        for id in each.codes.tolist():
            if id < len(palette):
                red, green, blue = palette[id].tolist()
                shown.setdefault(id, set()).add((red, green, blue))
                ids_of.setdefault((red, green, blue), {}).setdefault(id, path)
    moved = [where for where in ids_of.values() if len(where) > 1]
    if any(len(colors) > 1 for colors in shown.values()):
        if 2 * len(moved) > len(ids_of):
            (first, one), (second, two) = list(moved[0].items())[:2]
            raise ValueError(
                f"{one}: gives a colour the index {first}, and {two} gives the same colour the "
                f"index {second}: the palettes of the masks differ, so their indices are no ids. "
                f"Save the masks as RGB, or with one palette for all."
            )
        shown = {}
    if moved or any(id not in shown for id in ids):
        return {id: default_color(id) for id in ids}
    return {id: next(iter(shown[id])) for id in ids}


def _of_colors(values: Sequence[MaskValues], dataset: str) -> tuple[Classes, list[str]]:
    colors = [_color(code) for code in totals(values)[0]]
    border = BORDER in colors and len(colors) > 2
    if border:
        colors.remove(BORDER)
    notes = ["Colours have got ids in the order of red, green and blue. Masks stay as they are."]
    if border:
        notes.append(f"The colour {list(BORDER)}, of borders in VOC's masks, is ignored.")
    if len(colors) > IGNORED:
        raise ValueError(f"the masks have {len(colors)} colours, but 255 classes are the most.")
    infos = tuple(ClassInfo(i, f"class_{i}", color) for i, color in enumerate(colors))
    ignored = (ClassInfo(IGNORED, "border", BORDER),) if border else ()
    return Classes(dataset, infos, ignored), notes


def _of_both(
    values: Sequence[MaskValues], paths: Sequence[Path], dataset: str
) -> tuple[Classes, list[str]]:
    """Classes where some masks hold indices and others the colours of the same palette."""
    of_ids = [i for i, each in enumerate(values) if not each.are_colors]
    of_colors = [i for i, each in enumerate(values) if each.are_colors]
    classes, notes = _of_ids([values[i] for i in of_ids], [paths[i] for i in of_ids], dataset)
    known = {info.color for info in classes.classes + classes.ignored}
    colors = {_color(code) for code in totals([values[i] for i in of_colors])[0]}
    if not colors <= known:
        raise ValueError(
            f"{paths[of_ids[0]]}: holds ids, but {paths[of_colors[0]]} holds colours "
            f"({len(of_ids)} and {len(of_colors)} masks). Export all of them in one form."
        )
    return classes, [*notes, "Some masks hold ids, others the colours of their palette."]


def _color(code: int | np.integer) -> Color:
    red, green, blue = (int(code) >> shift & 255 for shift in (16, 8, 0))
    return red, green, blue


def _other_than(colors: dict[int, Color]) -> Color:
    """A colour for ignored pixels that no class has."""
    used = set(colors.values())
    greys = ((grey, grey, grey) for grey in (0, 255, *range(1, 255)))
    return next(grey for grey in greys if grey not in used)
