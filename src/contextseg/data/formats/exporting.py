"""From a data set with masks to the files of an annotation tool."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from contextseg.data import open_dataset, splits_of
from contextseg.data.formats.catalogue import FORMATS
from contextseg.data.formats.drawing import Picture, Plan
from contextseg.data.formats.pictures import Images
from contextseg.data.sample import Dataset
from contextseg.system.progress import track
from contextseg.system.suggestions import did_you_mean
from contextseg.system.work_folders import folder_beside, publish, require_new

Shapes = Literal["auto", "masks", "polygons"]


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was exported."""

    format: str
    """Name of the format that was written."""
    shapes: str
    """`masks` or `polygons`."""
    images: Counter[str] = field(default_factory=Counter)
    """Number of images by split."""
    largest_difference: float = 0.0
    """Largest share of an image's pixels that the polygons change, 0 to 1; 0 for masks."""
    mean_difference: float = 0.0
    """The same as a mean over images."""
    has_ignored: bool = False
    """Whether there were ignored pixels, which are objects of the class `__ignore__`."""


def export_data(
    root: str | os.PathLike[str],
    out: str | os.PathLike[str],
    to: str,
    *,
    splits: Sequence[str] | None = None,
    layout: str = "auto",
    shapes: Shapes = "auto",
    tolerance: float = 0.0,
    leave_out: Sequence[str] = (),
    images: Images = "copy",
) -> ExportReport:
    """Write a data set for an annotation tool.

    The folder is built beside `out` and renamed when it is complete; the data set is only read.

    Args:
        root: a data set, as `contextseg.data.open_dataset` takes it.
        out: the folder to write; it must not exist, or be empty.
        to: a name of `FORMATS` that can be written.
        splits: which splits; None for all.
        layout: as in `open_dataset`.
        shapes: `masks` are exact; `polygons` can be edited. `auto` is the format's default.
        tolerance: pixels by which polygons may be simplified; 0 keeps every corner of a pixel.
        leave_out: names of classes that are not written, such as the background, or `__ignore__`.
        images: `copy`, `hardlink` or `symlink` the image files.

    Raises:
        ValueError: the format, a split or a class is unknown, or the data set is faulty.
        OSError: a file cannot be read or written.
    """
    target = Path(out)
    writable = {name: entry for name, entry in FORMATS.items() if entry.write}
    if to not in writable:
        advice = did_you_mean(to, writable, f"Formats: {', '.join(writable)}.")
        raise ValueError(f"to: the format {to!r} cannot be written. {advice}")
    entry = writable[to]
    kind = entry.shapes[0] if shapes == "auto" else shapes
    if kind not in entry.shapes:
        raise ValueError(f"shapes: {to} can be written with {' or '.join(entry.shapes)} only.")
    if not tolerance >= 0:
        raise ValueError(f"tolerance: must be 0 or more pixels, got {tolerance}.")
    require_new(target)
    if splits is None:
        splits = ["train", "val"] if str(root) == "shapes" else splits_of(str(root), layout)
    datasets = [open_dataset(str(root), split, layout) for split in splits]
    if not datasets:
        raise ValueError(f"{root}: there are no splits to export.")
    plan = _plan(datasets[0], kind, tolerance, leave_out, images)
    counts = Counter[str]()
    assert entry.write is not None
    with folder_beside(target) as staging:
        data = staging / "data"
        data.mkdir()
        entry.write(_pictures(datasets, counts), data, plan)
        publish(data, target)
    differences = plan.differences or [0.0]
    return ExportReport(
        to, kind, counts, max(differences), float(np.mean(differences)), plan.has_ignored
    )


def _plan(
    dataset: Dataset, shapes: str, tolerance: float, leave_out: Sequence[str], images: Images
) -> Plan:
    classes = dataset.classes
    plan = Plan(
        classes.names, [info.color for info in classes.classes], classes.ids.tolist(), shapes,
        tolerance, images,
    )  # fmt: skip
    known = {plan.name(label): label for label in [*range(classes.num_classes), 255]}
    for name in leave_out:
        if name not in known:
            advice = did_you_mean(name, known, f"Classes: {', '.join(known)}.")
            raise ValueError(f"leave_out: there is no class {name!r}. {advice}")
    plan.left_out = frozenset(known[name] for name in leave_out)
    return plan


def _pictures(datasets: Sequence[Dataset], counts: Counter[str]) -> Iterator[Picture]:
    with track("exporting", "images") as task:
        for dataset in datasets:
            read_labels = getattr(dataset, "read_labels", None)
            image_path = getattr(dataset, "image_path", None)
            for index, name in enumerate(dataset.names):
                task(counts.total(), sum(map(len, datasets)))
                labels = read_labels(index) if read_labels else dataset[index].labels
                yield Picture(
                    name.replace("/", "__"), dataset.split, labels,
                    image_path(index) if image_path else None,
                    lambda dataset=dataset, index=index: dataset[index].image,
                )  # fmt: skip
                counts[dataset.split] += 1
        task(counts.total(), counts.total())
