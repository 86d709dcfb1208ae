"""A contact sheet of images with their labels, to see at a glance whether they match."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image, ImageDraw

from contextseg.config.labels import IGNORED
from contextseg.data.checked_samples import checked_sample
from contextseg.data.classes import Classes, ClassInfo
from contextseg.data.legend import INK, PAPER, LegendEntry, with_legend
from contextseg.data.sample import Dataset
from contextseg.system.atomic_files import atomic_path
from contextseg.system.fonts import ascii_likeness, drawable

CELL = (200, 260)
"""Rows and columns of an image; its labels, next to it, take the same space."""
_CAPTION, _GAP, _TEXT = 18, 8, 12
_FOR_IGNORED = tuple((grey, grey, grey) for grey in range(224, -1, -1))
"""Colours of ignored pixels if theirs is that of a class, which black often is."""
_LONGEST = 80
"""Maximum letters of a caption."""


def write_sheet(
    path: str | os.PathLike[str], datasets: Sequence[Dataset], *, images: int = 12, columns: int = 2
) -> None:
    """Write a contact sheet: images next to their labels in class colours, and which those are.

    An image that cannot be read is replaced by a note. The legend lists the classes, and ignored
    ids, that occur in the pictures.

    Args:
        path: file to write, with a suffix that PIL knows; written atomically.
        datasets: splits; each contributes its share of the images, evenly spaced.
        images: maximum number of images in total.
        columns: images per row.
    """
    share = max(1, images // max(1, len(datasets)))
    places = [
        (dataset, int(index))
        for dataset in datasets
        for index in np.unique(np.linspace(0, len(dataset) - 1, min(share, len(dataset))).round())
    ]
    rows = -(-len(places) // columns)
    height, width = CELL[0] + _CAPTION + _GAP, 2 * CELL[1] + _GAP
    size = max(1, columns * width + _GAP), max(1, rows * height + _GAP)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    shown: dict[int, LegendEntry] = {}
    for number, (dataset, index) in enumerate(places):
        top = number // columns * height + _GAP
        left = number % columns * width + _GAP
        fault = ""
        try:
            image, labels, _ = checked_sample(dataset, index)
        except ValueError:
            fault = ": cannot be read"
        else:
            ids = dataset.classes.to_ids(labels)
            palette = _told_apart(dataset.classes)
            colors = palette[ids]
            shown |= {
                info.id: LegendEntry(info) for info in _present(ids, dataset.classes, palette)
            }
            pictures = (image, cv2.INTER_AREA), (colors, cv2.INTER_NEAREST)
            for position, (picture, interpolation) in enumerate(pictures):
                small = _fitted(picture, interpolation)
                sheet.paste(small, (left + position * CELL[1], top + _CAPTION))
        caption = f"{dataset.split}/{dataset.names[index]}"[:_LONGEST] + fault
        split = ascii_likeness(dataset.split) or "split"
        text = drawable(caption, _TEXT, f"{split}, image {index + 1}{fault}")
        draw.text((left, top), text.text, INK, text.font)
    sheet = with_legend(sheet, [shown[id] for id in sorted(shown)], size=_TEXT)
    with atomic_path(path) as partial:
        sheet.save(partial, quality=90)


def _told_apart(classes: Classes) -> np.ndarray:
    """The palette, [256, 3], uint8, in which ignored pixels do not have the colour of a class."""
    palette = classes.palette.copy()
    used = {tuple(color) for color in classes.colors.tolist()}
    free = next(color for color in _FOR_IGNORED if color not in used)
    for id in {IGNORED, *(info.id for info in classes.ignored)} - {*classes.ids.tolist()}:
        if tuple(palette[id].tolist()) in used:
            palette[id] = free
    return palette


def _present(ids: np.ndarray, classes: Classes, palette: np.ndarray) -> list[ClassInfo]:
    """The classes and the ignored ids in a mask."""
    infos = {info.id: info for info in classes.classes + classes.ignored}
    infos.setdefault(IGNORED, ClassInfo(IGNORED, "ignored", (0, 0, 0)))
    found = []
    for id in np.unique(ids).tolist():
        if id in infos:
            red, green, blue = palette[id].tolist()
            found.append(replace(infos[id], color=(red, green, blue)))
    return found


def _fitted(picture: np.ndarray, interpolation: int) -> Image.Image:
    rows, columns = picture.shape[:2]
    scale = min(CELL[0] / rows, (CELL[1] - 2) / columns)
    size = max(1, int(columns * scale)), max(1, int(rows * scale))
    return Image.fromarray(cv2.resize(picture, size, interpolation=interpolation))
