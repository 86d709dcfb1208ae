"""Whether a folder that is laid out as a public dataset holds that dataset."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from contextseg.data.classes import Classes
from contextseg.data.images import ImageError, read_mask_and_mode
from contextseg.data.layouts.layout import Layout
from contextseg.data.masks import labels_of_colors
from contextseg.data.picture_files import opened_picture
from contextseg.data.suffixes import MASK_SUFFIXES
from contextseg.data.wording import some

_PASCAL = r"20\d\d_\w+"
NAMES: dict[str, str] = {
    "ade20k": r"ADE_[a-z]+_\d+",
    "cityscapes": r"[a-z-]+_\d+_\d+",
    "pascal_context_59": _PASCAL,
    "pascal_context_60": _PASCAL,
    "voc2012": _PASCAL,
    "sbd": _PASCAL,
    "coco_stuff": r"(COCO_[a-z]+2014_)?\d{12}",
    "camvid": r"(\d{4}[A-Z0-9]{2}|Seq\d\dVD)_\w+",
}
"""Form of the names of images by layout."""
_LOOKED_AT = 8
"""Masks that are read, evenly spread over a split."""


def doubt(layout: Layout, base: Path) -> str | None:
    """Why a folder does not hold the dataset whose structure it has; None if it seems to.

    The names of some images, and the ids and colours of their masks, are compared with the
    dataset's. Many tools write the structure of VOC or Cityscapes for any classes, and their ids
    are small numbers in every dataset.

    Args:
        layout: the structure.
        base: the dataset's own folder.
    """
    for split in sorted(layout.splits(base), key=lambda name: name != "val"):
        entries = layout.open(base, split, strict=False).entries
        entries = [entry for entry in entries if entry.mask is not None]
        if entries:
            break
    else:
        return None
    places = np.unique(np.linspace(0, len(entries) - 1, _LOOKED_AT).round().astype(int))
    sample = [entries[place] for place in places]
    other = [e.name for e in sample if not re.fullmatch(NAMES[layout.name], e.name)]
    if other:
        return f"has images called {some(other[:3])}"
    for entry in sample:
        assert entry.mask is not None
        if entry.mask.suffix.lower() in MASK_SUFFIXES:
            found = _strange(entry.mask, layout.classes, layout.name == "voc2012")
            if found is not None:
                return f"{found} in {entry.mask}"
    return None


def _strange(path: Path, classes: Classes, with_palette: bool) -> str | None:
    """What in a mask the classes do not have; None for nothing, or if it cannot be read."""
    try:
        mask, mode = read_mask_and_mode(path)
    except ImageError:  # the check of the data reports it
        return None
    if mask.ndim == 3:
        try:
            labels_of_colors(mask, classes)
        except ValueError:
            return "has other colours"
        return None
    known = {info.id: info.color for info in classes.classes + classes.ignored}
    ids = [int(i) for i in np.unique(mask)]
    strange = [str(i) for i in ids if i not in known and i != 255]
    if strange:
        return f"has the ids {some(strange)}"
    if mode == "P" and with_palette:
        with opened_picture(path) as image:
            palette = np.array(image.getpalette() or (), np.uint8).reshape(-1, 3)
        for i in ids:
            if i in known and i < len(palette) and tuple(palette[i].tolist()) != known[i]:
                return f"has the colour {palette[i].tolist()} for id {i}"
    return None
