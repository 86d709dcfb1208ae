"""A contact sheet of images with their labels, to see at a glance whether they match."""

from __future__ import annotations

import os
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from contextseg.config.labels import IGNORED
from contextseg.data.bands import display, images_in
from contextseg.data.checked_samples import checked_sample
from contextseg.data.classes import Classes, ClassInfo
from contextseg.data.legend import INK, PAPER, LegendEntry, with_legend
from contextseg.data.sample import Dataset
from contextseg.system.atomic_files import atomic_path
from contextseg.system.fonts import ascii_likeness, drawable

CELL = (200, 260)
"""Rows and columns of an image; its labels, next to it, take the same space."""
_CAPTION, _GAP, _TEXT = 18, 8, 12
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
            image = display(image, images_in(dataset))
            ids = dataset.classes.to_ids(labels)
            colors = dataset.classes.palette[ids]
            shown |= {info.id: LegendEntry(info) for info in _present(ids, dataset.classes)}
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


def _present(ids: np.ndarray, classes: Classes) -> list[ClassInfo]:
    """The classes and the ignored ids in a mask."""
    there = np.unique(ids).tolist()
    infos = {info.id: info for info in classes.classes + classes.ignored}
    red, green, blue = classes.palette[IGNORED].tolist()
    infos.setdefault(IGNORED, ClassInfo(IGNORED, "ignored", (red, green, blue)))
    return [infos[id] for id in there if id in infos]


def _fitted(picture: np.ndarray, interpolation: int) -> Image.Image:
    rows, columns = picture.shape[:2]
    scale = min(CELL[0] / rows, (CELL[1] - 2) / columns)
    size = max(1, int(columns * scale)), max(1, int(rows * scale))
    return Image.fromarray(cv2.resize(picture, size, interpolation=interpolation))
