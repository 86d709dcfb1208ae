"""Images of one split that nearly repeat images of another: scores on them say little."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from contextseg.data.check import Report
from contextseg.data.looks import Looks
from contextseg.data.sample import Dataset

Checked = Sequence[tuple[Dataset, Report]]
"""Splits of one dataset, each with the result of its check."""
MAX_BITS = 12
"""Bits of the hashes that may differ. On CamVid and on photos of VOC, JPEG at quality 30, half the
size, blur, noise and brightness change up to 10, crops and shifts by 3% up to 12."""
MIN_LIKENESS = 0.95
"""Least correlation of the small grey images, which keeps chance out: different photos of VOC reach
0.8 where the hashes agree, different scenes of CamVid 0.94."""
_ROWS = 512


class Alike(NamedTuple):
    """Two images, by their places in their datasets."""

    first: int
    second: int
    likeness: float
    """Correlation of the small grey images, up to 1."""


def images_of(dataset: Dataset) -> dict[Hashable, str]:
    """Names of the images by their files; empty for a class of one's own that has no files.

    Packed data sets have places in archives instead (`image_key`).
    """
    key_of = getattr(dataset, "image_path", None) or getattr(dataset, "image_key", None)
    if key_of is None:
        return {}
    return {key_of(index): name for index, name in enumerate(dataset.names)}


def without_parts(checked: Checked) -> tuple[Checked, list[str]]:
    """The splits without those whose images are all in a larger one, and a message for each.

    Lists such as `train_small.txt` divide a split further; their images are no leak.
    """
    files = {dataset.split: {*images_of(dataset)} for dataset, _ in checked}
    kept, notes = [], []
    for dataset, report in checked:
        mine = files[dataset.split]
        whole = next((name for name, theirs in files.items() if mine and mine < theirs), None)
        if whole is None:
            kept.append((dataset, report))
        else:
            notes.append(f"{dataset.split}: all of its {len(mine)} images are in {whole}, too.")
    return kept, notes


def near_duplicates(first: Looks, second: Looks) -> list[Alike]:
    """Pairs of nearly the same image, one of each split, the most alike first."""
    if not len(first) or not len(second):
        return []
    ours, theirs = _normalised(first.thumbs), _normalised(second.thumbs)
    found = []
    for start in range(0, len(first), _ROWS):
        hashes = first.hashes[start : start + _ROWS, None]
        rows, columns = np.nonzero(np.bitwise_count(hashes ^ second.hashes) <= MAX_BITS)
        rows += start
        likeness = np.einsum("np,np->n", ours[rows], theirs[columns])
        for k in np.flatnonzero(likeness >= MIN_LIKENESS):
            i, j = int(first.indices[rows[k]]), int(second.indices[columns[k]])
            found.append(Alike(i, j, float(likeness[k])))
    return sorted(found, key=lambda alike: (-alike.likeness, alike))


def _normalised(thumbs: np.ndarray) -> np.ndarray:
    """[n, SIDE²], float32, of mean 0 and length 1; 0 where an image has one grey."""
    flat = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1)
