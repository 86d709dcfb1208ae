"""The files that a data set lacks: classes.json and lists of its splits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from contextseg.data.classes import Classes
from contextseg.data.folder import FolderDataset
from contextseg.data.pair_lists import pair_lines
from contextseg.data.places import has_pairs, list_of
from contextseg.data.setup.plan import SplitPlan

CLASSES = "classes.json"


def class_text(classes: Classes) -> str:
    """The text of classes.json, with a class a line, so that names are easy to edit."""
    content = classes.to_dict()
    entries = ",\n".join(
        f"    {json.dumps(entry, ensure_ascii=False)}" for entry in content.pop("classes")
    )
    head = "".join(
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)},\n"
        for key, value in content.items()
        if key != "num_classes"
    )
    return f'{{\n{head}  "classes": [\n{entries}\n  ]\n}}\n'


def needed_lists(
    root: Path, classes: Classes, splits: Mapping[str, SplitPlan], overwrite: bool
) -> dict[str, str]:
    """Texts of the lists to write, by their paths; none if the folder is read alike without them.

    Raises:
        FileExistsError: a list that is there would have to be replaced.
    """
    lists = {name: list_of(root, name) for name in splits}
    if not overwrite and all(has_pairs(path) for path in lists.values()):
        return {}
    if _is_read_alike(root, classes, splits):
        return {}
    there = [path for path in lists.values() if path.exists()]
    if there and not overwrite:
        raise FileExistsError(
            f"{there[0]}: is there, but the folder cannot be read with it: images and masks are in "
            f"places that lists of names do not cover, some have no partner, or a split is "
            f"missing. --overwrite replaces it by a list of pairs."
        )
    return {
        path.relative_to(root).as_posix(): pair_lines(root, splits[name].pairs)
        for name, path in lists.items()
    }


def _is_read_alike(root: Path, classes: Classes, splits: Mapping[str, SplitPlan]) -> bool:
    """Whether the folder itself gives the same splits."""
    for name, split in splits.items():
        try:
            data = FolderDataset(root, name, classes=classes)
        except ValueError:
            return False
        if {(data.image_path(i), data.mask_path(i)) for i in range(len(data))} != {*split.pairs}:
            return False
    return True
