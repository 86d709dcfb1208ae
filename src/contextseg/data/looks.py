"""What an image looks like in a few bytes: to find copies, and images unlike all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

_GREY, _WAVES, SIDE = 32, 8, 16


class Look(NamedTuple):
    """One image."""

    hash: int
    """Perceptual hash, 63 bits: which of the slowest waves of the image are stronger than most.
    Compression, scaling and brightness change few of them."""
    thumb: np.ndarray
    """[SIDE, SIDE], uint8: the image in grey."""
    size: tuple[int, int]
    """Rows and columns."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Those of several images of a dataset."""

    indices: np.ndarray
    """[n], int64: their places in the dataset."""
    hashes: np.ndarray
    """[n], uint64."""
    thumbs: np.ndarray
    """[n, SIDE, SIDE], uint8."""
    sizes: np.ndarray
    """[n, 2], int64: rows and columns."""

    @classmethod
    def of(cls, looks: Sequence[tuple[int, Look]]) -> Looks:
        """Gather them, each with its place in the dataset."""
        return cls(
            np.array([index for index, _ in looks], np.int64),
            np.array([look.hash for _, look in looks], np.uint64),
            np.array([look.thumb for _, look in looks], np.uint8).reshape(-1, SIDE, SIDE),
            np.array([look.size for _, look in looks], np.int64).reshape(-1, 2),
        )

    def __len__(self) -> int:
        """Number of images."""
        return len(self.indices)


def look_at(image: np.ndarray) -> Look:
    """The look of an image [h, w, 3], uint8, RGB."""
    small = cv2.resize(image, (_GREY, _GREY), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    waves = cv2.dct(grey.astype(np.float32))[:_WAVES, :_WAVES].ravel()[1:]
    bits = np.packbits(waves > np.median(waves))
    thumb = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return Look(int.from_bytes(bits.tobytes(), "big"), thumb, (image.shape[0], image.shape[1]))
