"""Labels from all common kinds of mask files: palette, grey, 0/255 binary, RGB."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from contextseg.data.classes import Classes
from contextseg.data.mask_files import StoredMask, read_stored_mask

_WHITE = 255


def read_labels(path: str | os.PathLike[str], classes: Classes) -> np.ndarray:
    """The labels in a mask file.

    A palette file holds ids as indices, a grey file as values, and a 1-bit file holds 0 and 1. In a
    grey file of any depth, 255 and the largest value of that depth mean id 1 if the dataset has
    exactly the classes 0 and 1 and does not list them as ignored, so common black and white masks
    need no conversion. An RGB file holds the colours of the classes.

    Args:
        path: the mask file.
        classes: the classes of the dataset.

    Returns:
        [h, w], uint8, in 0 to L - 1 or 255 (ignored).

    Raises:
        ValueError: the file cannot be read, holds unknown ids or colours (the message gives them
            and their pixel counts), or is a palette file with the colours of the classes at indices
            other than their ids.
    """
    return labels_of_mask(read_stored_mask(path), classes, where=str(path))


def labels_of_mask(mask: StoredMask, classes: Classes, where: str = "") -> np.ndarray:
    """The labels of a mask that has been read, as `read_labels` returns them.

    Args:
        mask: what a file holds.
        classes: the classes of the dataset.
        where: names the mask in the error message.

    Returns:
        [h, w], uint8, in 0 to L - 1 or 255 (ignored).

    Raises:
        ValueError: the mask does not fit the classes, as for `read_labels`.
    """
    values = mask.values
    if values.ndim == 3:
        return labels_of_colors(values, classes, where=where)
    if mask.palette is not None:
        _require_ids(values, mask.palette, classes, where=where)
    if mask.white is not None and sorted(classes.ids.tolist()) == [0, 1]:
        values = _white_as_one(values, mask.white, classes, where=where)
    return classes.to_labels(values, where=where)


def labels_of_colors(mask: np.ndarray, classes: Classes, where: str = "") -> np.ndarray:
    """The labels of an RGB mask that holds the colours of the classes.

    Args:
        mask: [h, w, 3], uint8, RGB.
        classes: classes and ignored ids; no two of them may share a colour.
        where: names the mask in the error message.

    Returns:
        [h, w], uint8, in 0 to L - 1 or 255 (ignored).

    Raises:
        ValueError: a colour belongs to no class, or two classes share one.
    """
    infos = classes.classes + classes.ignored
    palette = np.array([info.color for info in infos], np.uint8)
    ids = np.array([info.id for info in infos], np.uint8)
    codes = _codes(palette)
    order = np.argsort(codes)
    codes, ids = codes[order], ids[order]
    if (codes[1:] == codes[:-1]).any():
        color = palette[order][1:][codes[1:] == codes[:-1]][0]
        raise ValueError(
            f"{where or 'mask'}: is an RGB image, but several classes have the colour "
            f"{color.tolist()} in classes.json. Give each class its own colour."
        )
    pixels = _codes(mask)
    place = np.minimum(np.searchsorted(codes, pixels), len(codes) - 1)
    known = codes[place] == pixels
    if not known.all():
        colors, counts = np.unique(pixels[~known], return_counts=True)
        most = np.argsort(-counts, kind="stable")[:10]
        listed = ", ".join(f"{_color(colors[i])} ({counts[i]} pixels)" for i in most)
        more = f" and {len(colors) - 10} more" if len(colors) > 10 else ""
        raise ValueError(
            f"{where or 'mask'}: is an RGB image with colours that no class has in classes.json: "
            f"{listed}{more}. Correct the colours there, or save the mask as a palette or grey PNG "
            f"of ids."
        )
    return classes.to_labels(ids[place], where=where)


def _codes(colors: np.ndarray) -> np.ndarray:
    """One number per colour: [..., 3] to [...], uint32."""
    red, green, blue = (colors[..., i].astype(np.uint32) for i in range(3))
    return red << 16 | green << 8 | blue


def _color(code: Any) -> list[int]:
    """The colour of one of the numbers of `_codes`."""
    return [int(code) >> shift & 255 for shift in (16, 8, 0)]


def _require_ids(indices: np.ndarray, palette: np.ndarray, classes: Classes, where: str) -> None:
    """Refuse a palette file that was meant as an RGB one: programs renumber its colours.

    It is refused if every index that occurs has the colour of a class, and at least one of them has
    the colour of a class with another id.
    """
    infos = classes.classes + classes.ignored
    colors = _codes(np.array([info.color for info in infos], np.uint8))
    ids = np.array([info.id for info in infos])
    shown = _codes(palette)
    known = np.isin(shown, colors)
    own = ((shown[:, None] == colors) & (np.arange(len(shown))[:, None] == ids)).any(1)
    if not (known & ~own).any():
        return
    used = np.flatnonzero(np.bincount(indices.ravel(), minlength=256)[: len(palette)])
    wrong = used[~own[used]]
    if known[used].all() and len(wrong) and indices.max() < len(palette):
        index = int(wrong[0])
        info = infos[int(np.flatnonzero(colors == shown[index])[0])]
        raise ValueError(
            f"{where}: is a palette file in which index {index} has the colour of {info.name!r}, "
            f"whose id in classes.json is {info.id}: it is unclear whether its indices or its "
            f"colours are meant. Save it as RGB if its colours are right; if its indices are, "
            f"correct the colours in classes.json or remove them there."
        )


def _white_as_one(mask: np.ndarray, white: int, classes: Classes, where: str) -> np.ndarray:
    """Ids of a black and white mask; whites that `classes` lists as ignored stay."""
    ignored = {info.id for info in classes.ignored}
    whites = [value for value in sorted({_WHITE, white} - ignored - {1}) if (mask == value).any()]
    if not whites:
        return mask
    ones = [*([1] if (mask == 1).any() else []), *whites]
    if len(ones) > 1:
        raise ValueError(
            f"{where}: holds both {ones[0]} and {ones[1]}, so it is unclear which of them is class "
            f'1. If pixels of 255 are to be ignored, write "ignore_label": 255 into classes.json.'
        )
    return np.where(mask == whites[0], mask.dtype.type(1), mask)
