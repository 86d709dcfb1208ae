"""Labels from all common kinds of mask files: palette, grey, 0/255 binary, RGB."""

from __future__ import annotations

import os

import numpy as np

from contextseg.data.classes import Classes
from contextseg.data.images import read_mask_and_mode

_WHITE = 255


def read_labels(path: str | os.PathLike[str], classes: Classes) -> np.ndarray:
    """The labels in a mask file.

    A palette file holds ids as indices, a grey file as values, and a 1-bit file holds 0 and 1. In a
    grey file, 255 means id 1 if the dataset has exactly the classes 0 and 1 and does not list 255
    as ignored, so common black and white masks need no conversion. An RGB file holds the colours of
    the classes.

    Args:
        path: the mask file.
        classes: the classes of the dataset.

    Returns:
        [h, w], uint8, in 0 to L - 1 or 255 (ignored).

    Raises:
        ValueError: the file cannot be read, or holds unknown ids or colours; the message gives them
            and their pixel counts.
    """
    mask, mode = read_mask_and_mode(path)
    if mask.ndim == 3:
        return labels_of_colors(mask, classes, where=str(path))
    if mode == "L" and _is_binary(classes):
        mask = _white_as_one(mask, where=str(path))
    return classes.to_labels(mask, where=str(path))


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
        colors, counts = np.unique(mask[~known], axis=0, return_counts=True)
        most = np.argsort(-counts, kind="stable")[:10]
        listed = ", ".join(f"{colors[i].tolist()} ({counts[i]} pixels)" for i in most)
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


def _is_binary(classes: Classes) -> bool:
    return sorted(classes.ids.tolist()) == [0, 1] and all(i.id != _WHITE for i in classes.ignored)


def _white_as_one(mask: np.ndarray, where: str) -> np.ndarray:
    white = mask == _WHITE
    if not white.any():
        return mask
    if (mask == 1).any():
        raise ValueError(
            f"{where}: holds both 1 and 255, so it is unclear which of them is class 1. If pixels "
            f'of 255 are to be ignored, write "ignore_label": 255 into classes.json.'
        )
    return np.where(white, np.uint8(1), mask)
