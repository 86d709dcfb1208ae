"""Class names, ids and colours of public datasets, as published."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from contextseg.data.classes import Classes

_FOLDER = Path(__file__).parent


@cache
def vocabulary(name: str) -> Classes:
    """The classes of a public dataset.

    Args:
        name: `ade20k` (150 classes; ids and names of its objectInfo150.txt), `pascal_context_59`
            and `pascal_context_60` (the alphabetical order of the original 459 labels), `voc2012`
            (21), `cityscapes` (19 of 34 ids), `coco_stuff` (171 of 182 ids), `camvid` (11).

    Raises:
        ValueError: there is no such list.
    """
    path = _FOLDER / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in _FOLDER.glob("*.json")))
        raise ValueError(f"vocabulary: no list of classes is named {name!r}. There are {known}.")
    return Classes.read(path)
