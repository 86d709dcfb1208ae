"""Windows of large rasters as a data set: at random places for training, on a grid otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from contextseg.config import RGB, DataConfig, ImagesConfig
from contextseg.config.labels import IGNORED
from contextseg.data import open_dataset
from contextseg.data.bands import images_in
from contextseg.data.classes import Classes
from contextseg.data.rasters.mask import SceneMask
from contextseg.data.rasters.scene import Scene
from contextseg.data.sample import Dataset, Sample

_TRIES = 10
"""Places that are drawn until a window has a pixel of a class."""


class RasterDataset:
    """Windows of rasters of any size, which are read on their own.

    Pixels without a value (nodata, NaN, transparent) are ignored. Windows at random places follow
    from (seed, epoch, index) alone; each place of each raster is equally likely, and windows
    without any label are drawn again.

    Args:
        pairs: file of each raster, and of its mask: class ids, of the same size.
        classes: what the masks hold.
        window: rows and columns of a window; smaller rasters are read whole.
        windows: windows of an epoch; 0 takes as many as cover all rasters once, None puts them on
            a grid that does.
        seed: at least 0.
        images: what the rasters are.
        split: name of the split, for messages.

    Raises:
        ImageError: a raster cannot be read.
        ValueError: a raster and its mask have different sizes.
        MissingPackageError: the extra `raster` is not installed.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[Path, Path]],
        classes: Classes,
        window: int,
        windows: int | None = 0,
        seed: int = 0,
        images: ImagesConfig = RGB,
        split: str = "rasters",
    ) -> None:
        self.classes = classes
        self.split = split
        self.images = images
        self.window = window
        self._seed, self._epoch = seed, 0
        self._scenes = [Scene(path, images, rows=window) for path, _ in pairs]
        self._masks = [SceneMask(path, classes) for _, path in pairs]
        for (path, mask), scene, other in zip(pairs, self._scenes, self._masks, strict=True):
            if scene.size != other.size:
                raise ValueError(
                    f"{mask}: the mask has {other.size[0]} rows and {other.size[1]} columns, its "
                    f"raster {path.name} has {scene.size[0]} and {scene.size[1]}."
                )
            scene.close()
        self._grid = [
            (number, top, left)
            for number, scene in enumerate(self._scenes)
            for top in _starts(scene.size[0], window)
            for left in _starts(scene.size[1], window)
        ]
        self._count = None if windows is None else windows or len(self._grid)
        areas = np.array([math.prod(scene.size) for scene in self._scenes], np.float64)
        self._shares = np.cumsum(areas / areas.sum())

    def __len__(self) -> int:
        """Windows of an epoch."""
        return len(self._grid) if self._count is None else self._count

    def __getitem__(self, index: int) -> Sample:
        """Image and labels of window `index`; its name is that of the raster with its place.

        Raises:
            ValueError: a file is damaged, or the mask holds an unknown id.
        """
        number, top, left, labels = self._drawn(index)
        scene = self._scenes[number]
        pixels, missing = scene.read(top, left, *labels.shape)
        if missing is not None:
            labels = np.where(missing, np.uint8(IGNORED), labels)
        return Sample(pixels, labels, f"{scene.path.stem}_{top}_{left}")

    @property
    def names(self) -> list[str]:
        """Raster and place of each window, as first drawn."""
        places = (self._place(index, 0) for index in range(len(self)))
        return [f"{self._scenes[n].path.stem}_{top}_{left}" for n, top, left in places]

    def of_epoch(self, epoch: int) -> RasterDataset:
        """The data set with the windows of an epoch; a grid is the same in each."""
        other = copy(self)
        other._epoch = epoch
        return other

    def on_grid(self) -> RasterDataset:
        """The data set with windows that cover all rasters."""
        other = copy(self)
        other._count = None
        return other

    def image_size(self, index: int) -> tuple[int, int]:
        """Rows and columns of window `index`."""
        if self._count is None:
            return self._size_in(self._grid[index][0])
        return self._size_in(self._place(index, 0)[0])

    def read_labels(self, index: int) -> np.ndarray:
        """Labels of window `index`, [h, w], uint8, whatever the raster lacks there."""
        return self._drawn(index)[3]

    def _size_in(self, number: int) -> tuple[int, int]:
        rows, columns = self._scenes[number].size
        return min(self.window, rows), min(self.window, columns)

    def _drawn(self, index: int) -> tuple[int, int, int, np.ndarray]:
        """Raster, first row and column, and labels of window `index`."""
        attempt = 0
        while True:
            number, top, left = self._place(index, attempt)
            labels = self._masks[number].read(top, left, *self._size_in(number))
            attempt += 1
            if self._count is None or attempt == _TRIES or (labels != IGNORED).any():
                return number, top, left, labels

    def _place(self, index: int, attempt: int) -> tuple[int, int, int]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        if self._count is None:
            return self._grid[index]
        # The raster stays, and with it the size of the window.
        of_raster = np.random.default_rng((self._seed, self._epoch, index))
        number = int(np.searchsorted(self._shares, of_raster.random(), side="right"))
        number = min(number, len(self._scenes) - 1)
        rng = np.random.default_rng((self._seed, self._epoch, index, attempt + 1))
        top, left = (
            int(rng.integers(0, length - side + 1))
            for length, side in zip(self._scenes[number].size, self._size_in(number), strict=True)
        )
        return number, top, left


def open_split(
    data: DataConfig, split: str, images: ImagesConfig = RGB, *, seed: int = 0, random: bool = False
) -> Dataset:
    """A split of the data of a training: whole images, or, with `data.window`, windows of them.

    Args:
        data: the options.
        split: name of the split.
        images: what the images are.
        seed: of the places of windows.
        random: windows at random places instead of on a grid.

    Raises:
        ValueError: as `contextseg.data.open_dataset`; or windows are asked of a data set that has
            no files of images and masks.
    """
    dataset: Any = open_dataset(data.root, split, data.layout, images=images)
    if not data.window:
        return dataset
    if not hasattr(dataset, "mask_path"):
        raise ValueError(
            f"data.window: {data.root} has no files of images and masks to read windows from."
        )
    pairs = [(dataset.image_path(i), dataset.mask_path(i)) for i in range(len(dataset))]
    return RasterDataset(
        pairs,
        dataset.classes,
        data.window,
        data.windows if random else None,
        seed,
        images_in(dataset),
        split,
    )


@lru_cache(maxsize=256)
def _starts(length: int, window: int) -> tuple[int, ...]:
    """First pixels of windows that cover a length; the last one is shifted back."""
    last = max(0, length - window)
    return (*range(0, last, window), last)
