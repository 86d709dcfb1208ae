"""A data set of what is labelled so far: trained on and exported while the labelling goes on."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from contextseg.explorer.annotations import CLASSES, IMAGES, MASKS, AnnotationProject
from contextseg.system.atomic_files import write_text
from contextseg.system.terminal import json_text


def write_copy(
    project: AnnotationProject, folder: Path, splits: Mapping[str, Iterable[int]]
) -> dict[str, int]:
    """Write masks as they are now, their images and the classes as a data set.

    Masks are copied, so that nothing that works on the copy can touch a label. Images are linked
    where the file system can do that.

    Args:
        project: the folder that is labelled.
        folder: the data set to write, on the same disk: a new folder.
        splits: numbers of labelled images by the name of their split.

    Returns:
        Number of images by split.

    Raises:
        OSError: a file cannot be read or written.
    """
    counts: dict[str, int] = {}
    for split, numbers in splits.items():
        counts[split] = 0
        for number in numbers:
            item = project.item(number)
            if item.path is None:  # dropped into the page, not in the folder
                continue
            image = folder / IMAGES / split / f"{item.name}{item.path.suffix}"
            mask = folder / MASKS / split / f"{item.name}.png"
            for path in (image, mask):
                path.parent.mkdir(parents=True, exist_ok=True)
            _link(item.path, image)
            mask.write_bytes(project.mask_bytes(number))
            counts[split] += 1
    write_text(folder / CLASSES, json_text(project.classes.to_dict()) + "\n")
    return counts


def _link(source: Path, target: Path) -> None:
    with contextlib.suppress(OSError, NotImplementedError):
        os.link(os.path.realpath(source), target)
        return
    shutil.copyfile(source, target)
