"""Public datasets in the folder structure of their downloads."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from contextseg.data.class_files import EXAMPLE, own_class_file, read_own_classes
from contextseg.data.classes import Classes
from contextseg.data.layouts.cityscapes import CITYSCAPES
from contextseg.data.layouts.evidence import doubt
from contextseg.data.layouts.folders import ADE20K, CAMVID, COCO_STUFF
from contextseg.data.layouts.layout import Layout
from contextseg.data.layouts.pascal_context import PASCAL_CONTEXT_59, PASCAL_CONTEXT_60
from contextseg.data.layouts.voc import SBD, VOC2012
from contextseg.data.pairing import ListedDataset
from contextseg.data.wording import quoted

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        ADE20K,
        CITYSCAPES,
        PASCAL_CONTEXT_59,
        PASCAL_CONTEXT_60,
        VOC2012,
        SBD,
        COCO_STUFF,
        CAMVID,
    )
}
"""Layouts by name, in the order in which they are tried."""

ON_REQUEST = ("pascal_context_60",)
"""Layouts that are never recognised automatically: another one has the same files."""


class Recognised(NamedTuple):
    """A dataset that was found."""

    layout: Layout
    """Its layout."""
    base: Path
    """Its own folder."""
    classes: Classes | None = None
    """The classes that it names in a file of its own; None if they are the layout's."""

    def open(self, split: str, *, strict: bool = True) -> ListedDataset:
        """A split of it, as `Layout.open`."""
        return self.layout.open(self.base, split, strict=strict, classes=self.classes)


def recognise(root: Path, layout: str = "auto") -> Recognised | None:
    """The dataset in a folder.

    A file with classes (`contextseg.data.class_files`) in the dataset's own folder makes it a
    dataset of its own that only has the structure of a public one. Without such a file, names, ids
    and colours must be those of the public dataset, unless `layout` names it.

    Args:
        root: the dataset's own folder, or one that holds it under its usual name.
        layout: a name of `LAYOUTS`; `auto` tries all but those of `ON_REQUEST`.

    Returns:
        The layout and the dataset's own folder; None if nothing is recognised.

    Raises:
        ValueError: there are several datasets, the named one is missing, the name is unknown, or
            the folder only has the structure of a public dataset and does not name its classes.
    """
    if layout != "auto":
        if layout not in LAYOUTS:
            raise ValueError(
                f"layout must be auto, folder or one of {', '.join(LAYOUTS)}, got {layout!r}."
            )
        base = LAYOUTS[layout].find(root)
        if base is None:
            raise ValueError(
                f"{root}: is not laid out as {layout}; docs/data.md shows the folders."
            )
        return Recognised(LAYOUTS[layout], base, read_own_classes(base))
    candidates = [kind for name, kind in LAYOUTS.items() if name not in ON_REQUEST]
    found = [Recognised(kind, base) for kind in candidates if (base := kind.find(root))]
    if any(each.layout is VOC2012 for each in found):
        found = [each for each in found if each.layout is not SBD]  # it is part of VOC's train_aug
    # A dataset right at the root takes precedence over those below it.
    nearest = min((len(each.base.parts) for each in found), default=0)
    found = [each for each in found if len(each.base.parts) == nearest]
    if len(found) > 1:
        names = ", ".join(f"{each.layout.name} in {each.base}" for each in found)
        raise ValueError(f"{root}: holds several datasets: {names}. Name the folder of one.")
    return _certain(found[0]) if found else None


def _certain(found: Recognised) -> Recognised:
    """The dataset with its own classes; raises if it has neither those nor the layout's."""
    layout, base, _ = found
    if own_class_file(base) is not None:
        return found._replace(classes=read_own_classes(base))
    reason = doubt(layout, base)
    if reason is None:
        return found
    name = layout.classes.dataset
    raise ValueError(
        f"{base}: is laid out as {name}, but {reason}, which {name} does not have. If the classes "
        f"are your own, name them: keep the labelmap.txt of CVAT or the class_names.txt of labelme "
        f"in {base}, or write {base / 'classes.json'}, with an entry for each class:\n{EXAMPLE}\n"
        f"`contextseg data init {quoted(base)}` writes it from what the masks hold.\n"
        f"If it is {name}, say so with --layout {layout.name} (data.layout)."
    )
