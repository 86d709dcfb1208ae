"""What masks hold, before anybody has said what it means: ids or colours, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contextseg.data.bands.proposal import any_size
from contextseg.data.check import ADVICE
from contextseg.data.mask_files import StoredMask, read_stored_mask
from contextseg.data.picture_files import ImageError
from contextseg.data.setup.matching import Pair
from contextseg.system.failures import machine_failures
from contextseg.system.progress import track
from contextseg.system.resources import usable_cores

MANY = 4096
"""Of more values than this, only the most frequent are kept."""


@dataclass(frozen=True, slots=True)
class MaskValues:
    """The values of one mask."""

    mask: StoredMask
    """The mask with each value once: [1, k], or [1, k, 3] for colours, ascending."""
    pixels: np.ndarray
    """[k], int64: pixels of each value."""
    inner: np.ndarray
    """[k], int64: those whose four neighbours have the same value."""
    num_values: int
    """Number of values, which may be more than the k that are kept."""

    @property
    def are_colors(self) -> bool:
        """Whether the file holds colours, not ids."""
        return self.mask.values.ndim == 3

    @property
    def codes(self) -> np.ndarray:
        """[k], int64: ids, or one number per colour, `256² red + 256 green + blue`."""
        values = self.mask.values[0].astype(np.int64)
        return values @ np.array([65536, 256, 1]) if self.are_colors else values


def read_values(
    pairs: Sequence[Pair], workers: int | None = None
) -> tuple[list[MaskValues | None], list[str]]:
    """Read the masks of pairs, and the sizes of their images.

    Returns:
        The values of each mask, None where it cannot be used; and for those a message that names
        the file: it cannot be read, or its size differs from the image's.
    """

    def read(pair: Pair) -> MaskValues | str:
        try:
            values, shape = values_of(pair.mask)
            size = any_size(pair.image)
        except ImageError as error:
            return str(error)
        if shape != size:
            return (
                f"{pair.mask}: the mask has {shape[0]} rows and {shape[1]} columns, its image "
                f"{pair.image.name} has {size[0]} and {size[1]}."
            )
        return values

    found: list[MaskValues | None] = []
    problems: list[str] = []
    with (
        machine_failures(ADVICE),
        track("reading masks") as task,
        ThreadPoolExecutor(workers or usable_cores()) as pool,
    ):
        for done, values in enumerate(pool.map(read, pairs), start=1):
            found.append(None if isinstance(values, str) else values)
            if isinstance(values, str):
                problems.append(values)
            task(done, len(pairs))
    return found, problems


def values_of(path: Path) -> tuple[MaskValues, tuple[int, int]]:
    """The values of a mask file, and its rows and columns.

    Raises:
        ImageError: the file cannot be read, or may not preserve the values that were written.
    """
    mask = read_stored_mask(path)
    codes = mask.values
    if codes.ndim == 3:
        red, green, blue = (mask.values[..., i].astype(np.uint32) for i in range(3))
        codes = red << 16 | green << 8 | blue
    rows, columns = codes.shape
    inner = np.ones((rows, columns), bool)
    below, beside = codes[1:] != codes[:-1], codes[:, 1:] != codes[:, :-1]
    inner[1:][below] = inner[:-1][below] = False
    inner[:, 1:][beside] = inner[:, :-1][beside] = False
    # Masks have long runs of one value: sorting those is faster than sorting pixels.
    flat = codes.ravel()
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(np.append(starts, flat.size))
    sums = np.add.reduceat(inner.ravel().astype(np.int64), starts)
    values, place = np.unique(flat[starts], return_inverse=True)
    pixels = np.bincount(place, lengths, len(values)).astype(np.int64)
    core = np.bincount(place, sums, len(values)).astype(np.int64)
    number = len(values)
    if number > MANY:
        kept = np.sort(np.argsort(-pixels, kind="stable")[:MANY])
        values, pixels, core = values[kept], pixels[kept], core[kept]
    row = values[None]
    if mask.values.ndim == 3:
        row = np.stack([row >> 16, row >> 8 & 255, row & 255], axis=2).astype(np.uint8)
    once = StoredMask(row, mask.mode, mask.white, mask.palette)
    return MaskValues(once, pixels, core, number), (rows, columns)


def looks_like_mask(path: Path) -> bool:
    """Whether a picture is flat areas of few values, as masks are and photos are not."""
    try:
        values, (rows, columns) = values_of(path)
    except ImageError:
        return False
    if values.mask.palette is not None or values.mask.mode == "1":
        return True
    few = min(64, max(2, rows * columns // 8))
    return values.num_values <= few and 2 * values.inner.sum() > values.pixels.sum()
