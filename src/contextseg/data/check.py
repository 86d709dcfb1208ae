"""Check every mask before hours of training depend on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from contextseg.config.labels import IGNORED
from contextseg.data.sample import Dataset
from contextseg.system.failures import Kind, machine_failures
from contextseg.system.progress import track
from contextseg.system.resources import usable_cores

_SHOWN = 20
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
    order; each names a file."""
    class_pixels: np.ndarray
    """[L], int64: pixels of each class."""
    class_images: np.ndarray
    """[L], int64: images in which each class occurs."""
    ignored_pixels: int
    """Ignored pixels."""
    sizes: Counter[tuple[int, int]]
    """Number of images of each size (rows, columns)."""

    def raise_if_any(self) -> None:
        """Raise ValueError with the first 20 problems, if there are any."""
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
    read = getattr(dataset, "read_labels", None)

    def counts(index: int) -> tuple[np.ndarray, tuple[int, int]] | str:
        try:
            labels = dataset[index].labels if read is None or decode_images else read(index)
        except ValueError as error:
            return str(error)
        rows, columns = labels.shape
        return np.bincount(labels.ravel(), minlength=256), (rows, columns)

    class_pixels, class_images = np.zeros(256, np.int64), np.zeros(256, np.int64)
    problems: list[str] = list(getattr(dataset, "problems", ()))
    sizes: Counter[tuple[int, int]] = Counter()
    with (
        machine_failures(ADVICE),
        track(f"reading {dataset.split}", also=progress) as task,
        ThreadPoolExecutor(workers or usable_cores()) as pool,
    ):
        for done, counted in enumerate(pool.map(counts, range(total)), start=1):
            if isinstance(counted, str):
                problems.append(counted)
            else:
                histogram, size = counted
                class_pixels += histogram
                class_images += histogram > 0
                sizes[size] += 1
            task(done, total)
    return Report(
        num_images=total,
        problems=problems,
        class_pixels=class_pixels[:num_classes],
        class_images=class_images[:num_classes],
        ignored_pixels=int(class_pixels[IGNORED]),
        sizes=sizes,
    )
