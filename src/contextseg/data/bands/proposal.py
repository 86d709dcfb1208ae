"""Find out whether a folder holds images that are no photos, and which options they need."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from contextseg.config import ImagesConfig
from contextseg.data.bands.read import read_header, read_values
from contextseg.data.bands.values import in_words, proposed_range
from contextseg.data.images import image_size
from contextseg.data.picture_files import ImageError, bands_of
from contextseg.data.suffixes import ARRAY_SUFFIX

_TIFF = (".tif", ".tiff")
_HEADERS, _VALUES = 64, 4
"""Files at most whose headers, and whose values are read."""


class Proposal(NamedTuple):
    """What images seem to be."""

    images: ImagesConfig
    """How to read them."""
    text: str
    """What was found, and the options to train with."""


def propose(files: Iterable[Path]) -> Proposal | None:
    """What the images in some files are; None where photos are among them, or nothing is found.

    Args:
        files: images, without their masks.

    Raises:
        MissingPackageError: TIFF needs the extra `bands`.
    """
    paths = _spread(sorted(files), _HEADERS)
    if not paths or any(path.suffix.lower() not in (*_TIFF, ARRAY_SUFFIX) for path in paths):
        return None
    if not all(holds_bands(path) for path in paths):
        return None
    headers = []
    for path in paths:
        try:
            headers.append(read_header(path))
        except ImageError:  # whoever reads all files says so
            continue
    counts = sorted({each.channels for each in headers if each is not None})
    if not counts:
        return None
    types = sorted({str(each.dtype) for each in headers if each is not None})
    many = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    number = "s" if counts[-1] > 1 else ""
    found = f"Images of {many} channel{number} of {' and '.join(types)}"
    channels = counts[0] if len(counts) == 1 else tuple(range(counts[0]))
    listed = str(channels) if isinstance(channels, int) else ",".join(map(str, channels))
    options = f"--data.channels {listed}"
    value_range = None
    if types != ["uint8"]:
        value_range, extremes = _range_of(_spread(paths, _VALUES))
        if value_range is None:
            return None
        found += f", values {extremes}"
        options += f" --data.value_range {in_words(value_range)}"
    return Proposal(
        ImagesConfig(channels=channels, value_range=value_range),
        f"{found}, no photos: train with {options} (or another range, or --data.percentiles 2,98).",
    )


def holds_bands(path: str | os.PathLike[str]) -> bool:
    """Whether a file holds an image that cannot be read as a photo, by its header."""
    if Path(path).suffix.lower() == ARRAY_SUFFIX:
        return True
    try:
        return bands_of(Path(path).read_bytes()) is not None
    except OSError:
        return False


def any_size(path: Path) -> tuple[int, int]:
    """Rows and columns of an image, photo or not, from its header.

    Raises:
        ImageError: it cannot be read.
        MissingPackageError: TIFF needs the extra `bands`.
    """
    stored = read_header(path) if holds_bands(path) else None
    return image_size(path) if stored is None else stored.shape[:2]


def _range_of(paths: Sequence[Path]) -> tuple[tuple[float, float] | None, str]:
    """A range for the values of images, and their extremes in words."""
    extremes = []
    for path in paths:
        try:
            values = read_values(path)
        except ImageError:
            continue
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if finite.size:
            extremes += [finite.min(), finite.max()]
    if not extremes:
        return None, ""
    ends = np.array(extremes)
    return proposed_range(ends), f"{ends.min():g} to {ends.max():g}"


def _spread(paths: Sequence[Path], most: int) -> list[Path]:
    places = np.unique(np.linspace(0, len(paths) - 1, min(most, len(paths))).round().astype(int))
    return [paths[place] for place in places]
