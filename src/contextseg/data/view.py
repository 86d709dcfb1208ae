"""Data sets as a line of text, and in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from contextseg.data.checked_samples import checked_sample
from contextseg.data.classes_view import legend, title_of
from contextseg.display.html import figures, line, picture, row, short, table, view
from contextseg.display.numbers import NOTHING, counted
from contextseg.display.pictures import jpeg_address, shrunk

SAMPLES = 3
"""Images that a data set shows."""
LARGEST = 224
"""Maximum pixels of a sample's side."""


class Viewed:
    """Base of data sets: how they show themselves."""

    split_sizes: Callable[[], Mapping[str, int | None]] | None = None
    """Counts the images of all splits of the same data; `open_dataset` sets it."""

    def __repr__(self) -> str:
        return dataset_line(self)

    def _repr_html_(self) -> str:
        return dataset_html(self)


def dataset_line(dataset: Any) -> str:
    """A data set in a line: what, which split, how many images and classes."""
    parts = [
        repr(short(getattr(dataset, "root", "") or title_of(dataset.classes))),
        short(dataset.split),
        counted(len(dataset), "image"),
        counted(dataset.classes.num_classes, "class"),
    ]
    problems = getattr(dataset, "problems", ())
    if problems:
        parts.append(counted(len(problems), "problem"))
    return f"{type(dataset).__name__}({', '.join(parts)})"


def dataset_html(dataset: Any) -> str:
    """A data set as HTML: splits, a few samples, and its classes with their colours.

    A sample that cannot be read is replaced by the reason.
    """
    parts = [figures([("images", f"{len(dataset):,}"), ("classes", dataset.classes.num_classes)])]
    problems = getattr(dataset, "problems", ())
    if problems:
        parts.append(line(f"{counted(len(problems), 'problem')}, the first: {problems[0]}"))
    parts.append(row(_samples(dataset)))
    tables = [legend(dataset.classes)]
    sizes = {} if dataset.split_sizes is None else dataset.split_sizes()
    if len(sizes) > 1:
        rows = [
            [f"{short(name)} (this one)" if name == dataset.split else name,
             NOTHING if size is None else f"{size:,}"]
            for name, size in sizes.items()
        ]  # fmt: skip
        tables.insert(0, table(["split", "images"], rows))
    root = getattr(dataset, "root", "")
    note = f"{dataset.split} split" + (f", {root}" if root else "")
    return view(title_of(dataset.classes), *parts, row(tables), note=note)


def _samples(dataset: Any) -> list[Markup]:
    """Evenly spaced samples, each as a photo above its labels, or with its class."""
    number = min(SAMPLES, len(dataset))
    places = [round((i + 0.5) * len(dataset) / number - 0.5) for i in range(number)]
    draw = _classified if hasattr(dataset, "labels") else _segmented
    drawn = []
    for place in places:
        try:
            drawn.append(draw(dataset, place))
        except (ValueError, OSError) as error:
            drawn.append(line(error))
    return drawn


def _segmented(dataset: Any, index: int) -> Markup:
    image, labels, name = checked_sample(dataset, index)
    ids = dataset.classes.to_ids(labels)
    image, ids = shrunk(image, ids, LARGEST)
    both = np.concatenate([image, dataset.classes.palette[ids]], axis=0)
    return picture(jpeg_address(Image.fromarray(both)), name)


def _classified(dataset: Any, index: int) -> Markup:
    image = dataset.images[index] if hasattr(dataset, "images") else dataset[index].image
    photo = Image.fromarray(image)
    scale = LARGEST / max(photo.size)
    if scale < 1:
        photo.thumbnail((LARGEST, LARGEST))
    elif scale >= 2:  # the images of CIFAR-10 are smaller than a thumb
        photo = photo.resize((3 * photo.width, 3 * photo.height), Image.Resampling.NEAREST)
    return picture(jpeg_address(photo), dataset.classes.names[int(dataset.labels[index])])
