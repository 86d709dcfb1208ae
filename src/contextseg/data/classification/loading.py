"""Batches of image files with one class each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from torch.utils.data import Dataset as TorchDataset

from contextseg.config import IMAGENET_MEAN, AugmentConfig
from contextseg.config.classification import ClassifierAugmentConfig
from contextseg.data.batch_sampler import BatchOrder
from contextseg.data.classification.folder import LabelledFolder
from contextseg.data.loading import Loader, to_tensor
from contextseg.data.warp import draw_warp
from contextseg.data.workers import Workers, sharers

SHORT_SIDE = 8 / 7
"""Short side of an image relative to the centre crop for evaluation: 256 to 224."""


class LabelledTrainingSet(TorchDataset[dict[str, Any]]):
    """Augmented training images; all random numbers follow from (seed, epoch, index) alone.

    Args:
        dataset: images and labels.
        augment: the augmentation options.
        size: rows and columns of the result.
        mean: red, green and blue in 0 to 1; fills the area outside the image.
        seed: at least 0.
    """

    def __init__(
        self,
        dataset: LabelledFolder,
        augment: ClassifierAugmentConfig,
        size: int,
        mean: tuple[float, ...] = IMAGENET_MEAN,
        seed: int = 0,
    ) -> None:
        self.dataset = dataset
        self.seed = seed
        self.size = size
        self._fill = (255 * mean[0], 255 * mean[1], 255 * mean[2])
        self._scale = augment.scale
        self._warp = AugmentConfig(
            crop=(size, size), rotation=augment.rotation, flip=augment.flip, scale=augment.scale
        )

    def __len__(self) -> int:
        """Number of images."""
        return len(self.dataset)

    def __getitem__(self, place: tuple[int, int]) -> dict[str, Any]:
        """The image `place` = (epoch, index): `image` uint8 [3, size, size], `labels`, `index`."""
        epoch, index = place
        rng = np.random.default_rng((self.seed, epoch, index))
        image, label, _ = self.dataset[index]
        unit = self.size / min(image.shape[:2])
        config = replace(self._warp, scale=(unit * self._scale[0], unit * self._scale[1]))
        crop = draw_warp(rng, image.shape[:2], config).image(image, self._fill)
        return {"image": to_tensor(crop), "labels": label, "index": index}


class LabelledEvaluationSet(TorchDataset[dict[str, Any]]):
    """The centre crop of each image: its short side is resized, then a square is cut out."""

    def __init__(self, dataset: LabelledFolder, size: int) -> None:
        self.dataset = dataset
        self.size = size

    def __len__(self) -> int:
        """Number of images."""
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The image `index`: `image` uint8 [3, size, size], `labels`, `index`."""
        image, label, _ = self.dataset[index]
        return {
            "image": to_tensor(center_crop(image, self.size)),
            "labels": label,
            "index": index,
        }


def center_crop(image: np.ndarray, size: int) -> np.ndarray:
    """The centre crop of an image [h, w, 3], `size` rows and columns.

    An image of exactly that size is returned unchanged; any other is first resized so that its
    short side is 8/7 of `size`.
    """
    if image.shape[:2] == (size, size):
        return image
    rows, columns = image.shape[:2]
    factor = round(size * SHORT_SIDE) / min(rows, columns)
    scaled = max(size, round(rows * factor)), max(size, round(columns * factor))
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    image = cv2.resize(image, scaled[::-1], interpolation=kind)
    top, left = (scaled[0] - size) // 2, (scaled[1] - size) // 2
    return image[top : top + size, left : left + size]


def labelled_training_loader(
    dataset: LabelledTrainingSet, *, batch_size: int, epochs: int, seed: int, workers: Workers,
    start: int = 0, rank: int = 0, world: int = 1,
) -> Loader:  # fmt: skip
    """The batches of a whole training run, starting at batch `start`; `len` counts all.

    Process `rank` of `world` gets its share of each batch of `batch_size` images.
    """
    order = BatchOrder(len(dataset), batch_size, epochs, seed, rank=rank, world=world)
    order.first = start
    batch_bytes = batch_size // world * dataset.size**2 * 3
    return Loader(dataset, order, workers, None, batch_bytes, sharers(world))


def labelled_evaluation_loader(
    dataset: LabelledFolder, size: int, *, batch_size: int = 64, workers: Workers = 0,
    limit: int | None = None, rank: int = 0, world: int = 1,
) -> Loader:  # fmt: skip
    """Each image once, or the first `limit`: the share of process `rank` of `world`."""
    share = range(len(dataset))[:limit][rank::world]
    batches = [
        list(share[start : start + batch_size]) for start in range(0, len(share), batch_size)
    ]
    batch_bytes = batch_size * size**2 * 3
    return Loader(
        LabelledEvaluationSet(dataset, size), batches, workers, None, batch_bytes, sharers(world)
    )
