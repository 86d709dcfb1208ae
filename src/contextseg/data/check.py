"""Check every mask before hours of training depend on it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from contextseg.config.labels import IGNORED
from contextseg.data.bands import display, images_in
from contextseg.data.checked_samples import checked_labels, checked_sample
from contextseg.data.looks import Look, Looks, look_at
from contextseg.data.sample import Dataset
from contextseg.data.wording import some
from contextseg.system.failures import Kind, machine_failures
from contextseg.system.progress import track
from contextseg.system.resources import usable_cores

logger = logging.getLogger(__name__)

_SHOWN = 20
_FEW = 16
"""Masks that are read where the data are not checked."""
_FEWER = "Read with fewer threads: --workers 1 (workers=1)."
ADVICE: dict[Kind, str] = {"memory": _FEWER, "files": _FEWER, "processes": _FEWER}
"""What helps if reading fails because the machine has run out of a resource."""


@dataclass(frozen=True, slots=True)
class Report:
    """The content of a dataset's masks, and the problems found."""

    num_images: int
    """Images checked."""
    problems: list[str]
    """One message per file without a partner, then one per image with a problem, in the dataset's
    order; each names a file. Last, one if all pixels of all images are ignored."""
    class_pixels: np.ndarray
    """[L], int64: pixels of each class."""
    class_images: np.ndarray
    """[L], int64: images in which each class occurs."""
    ignored_pixels: int
    """Ignored pixels."""
    void: list[int]
    """Places in the dataset of images without a pixel of any class: all are ignored."""
    sizes: Counter[tuple[int, int]]
    """Number of images of each size (rows, columns)."""
    faulty: list[int]
    """Places of the images with a problem in the dataset."""
    looks: Looks | None
    """What the images without a problem look like; None if they were not decoded. See
    `contextseg.data.suspicions`."""

    @property
    def void_images(self) -> int:
        """Number of images without a pixel of any class."""
        return len(self.void)

    def raise_if_any(self) -> None:
        """Raise ValueError with the first 20 problems, if there are any."""
        if len(self.problems) == 1:
            raise ValueError(self.problems[0])
        if self.problems:
            rest = len(self.problems) - _SHOWN
            lines = [f"- {problem}" for problem in self.problems[:_SHOWN]]
            if rest > 0:
                lines.append(f"and {rest} more.")
            raise ValueError(
                f"{len(self.problems)} of {self.num_images} images have problems:\n"
                + "\n".join(lines)
            )


def check_dataset(
    dataset: Dataset,
    *,
    workers: int | None = None,
    decode_images: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Read every mask of a dataset and report everything that is wrong with it.

    Args:
        dataset: the dataset.
        workers: number of reading threads; None takes one for each core that may be used.
        decode_images: also decode every image, which finds truncated ones but takes several times
            as long; otherwise only its size is read, if the dataset provides it.
        progress: called after each image with the number done and the total.

    Returns:
        The problems, and the counts over the masks without problems.
    """
    total, num_classes = len(dataset), dataset.classes.num_classes

    def counts(index: int) -> tuple[np.ndarray, tuple[int, int], Look | None] | str:
        look = None
        try:
            if decode_images:
                image, labels, _ = checked_sample(dataset, index)
                look = look_at(display(image, images_in(dataset)))
            else:
                labels = checked_labels(dataset, index)
        except ValueError as error:
            return str(error)
        rows, columns = labels.shape
        return np.bincount(labels.ravel(), minlength=256), (rows, columns), look

    class_pixels, class_images = np.zeros(256, np.int64), np.zeros(256, np.int64)
    problems: list[str] = list(getattr(dataset, "problems", ()))
    sizes: Counter[tuple[int, int]] = Counter()
    looks: list[tuple[int, Look]] = []
    faulty: list[int] = []
    void: list[int] = []
    with (
        machine_failures(ADVICE),
        track(f"reading {dataset.split}", also=progress) as task,
        ThreadPoolExecutor(workers or usable_cores()) as pool,
    ):
        for done, counted in enumerate(pool.map(counts, range(total)), start=1):
            if isinstance(counted, str):
                problems.append(counted)
                faulty.append(done - 1)
            else:
                histogram, size, look = counted
                if look is not None:
                    looks.append((done - 1, look))
                class_pixels += histogram
                class_images += histogram > 0
                sizes[size] += 1
                if not histogram[:num_classes].any():
                    void.append(done - 1)
            task(done, total)
    if void and len(void) == sizes.total():
        problems.append(_void_message(dataset, len(void)))
    return Report(
        num_images=total,
        problems=problems,
        class_pixels=class_pixels[:num_classes],
        class_images=class_images[:num_classes],
        ignored_pixels=int(class_pixels[IGNORED]),
        void=void,
        sizes=sizes,
        faulty=faulty,
        looks=Looks.of(looks) if decode_images else None,
    )


def warn_if_void(dataset: Dataset) -> None:
    """Warn, after reading a few masks, if no pixel of theirs belongs to a class.

    For runs that do not check all of the data: `check_dataset` reports it otherwise.
    """
    places = np.unique(np.linspace(0, len(dataset) - 1, _FEW).round().astype(int))
    if all((checked_labels(dataset, int(place)) == IGNORED).all() for place in places):
        logger.warning("%s", _void_message(dataset, len(places)))


def _void_message(dataset: Dataset, images: int) -> str:
    classes = dataset.classes
    ignored = ", ".join(str(info.id) for info in classes.ignored) or str(IGNORED)
    return (
        f"{dataset.split}: all pixels of all {images} masks that were read are ignored (id "
        f"{ignored}), so there is nothing to learn or to score. Compare the ids in the masks with "
        f"those of the {classes.num_classes} classes, {some(classes.names)}."
    )
