"""Images and labels as normalised tensors, for a training loop of your own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from contextseg.config import IMAGENET_MEAN, IMAGENET_STD, AugmentConfig, Normalisation
from contextseg.data.checked_samples import checked_sample
from contextseg.data.colour import jitter
from contextseg.data.loading import as_tensor, to_tensor
from contextseg.data.normalise import normalise, pixel_statistics
from contextseg.data.sample import Dataset
from contextseg.data.warp import draw_warp

__all__ = ["EvalTransform", "TrainTransform", "TransformedDataset"]

Colour = tuple[float, float, float]


class EvalTransform:
    """Whole images at their own size, normalised.

    Args:
        mean: of red, green and blue, in 0 to 1; those of a model are `model.config.mean`.
        std: standard deviation of red, green and blue, in 0 to 1.
    """

    def __init__(self, mean: Colour = IMAGENET_MEAN, std: Colour = IMAGENET_STD) -> None:
        self.statistics = pixel_statistics(Normalisation(mean, std))

    def __call__(self, image: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        """Transform one image.

        Args:
            image: [h, w, 3], uint8, RGB.
            labels: [h, w], uint8, classes and 255 (ignored).

        Returns:
            The image, float32 [3, h, w], and its labels, int64 [h, w].
        """
        return normalise(to_tensor(image), self.statistics), as_tensor(labels).long()


class TrainTransform(EvalTransform):
    """Augmented crops, normalised: one random warp and random colours, as `contextseg.train` has.

    Random numbers follow from torch's, so `torch.manual_seed` and the workers of a `DataLoader`
    repeat or vary them as usual.

    Args:
        mean: of red, green and blue, in 0 to 1; those of a model are `model.config.mean`. It fills
            the area outside the image, whose labels are 255.
        std: standard deviation of red, green and blue, in 0 to 1.
        augment: fields of `contextseg.config.AugmentConfig`, such as `crop=(480, 480)`.

    Raises:
        ValueError: an option is outside its range.
        TypeError: there is no such option.
    """

    def __init__(
        self, mean: Colour = IMAGENET_MEAN, std: Colour = IMAGENET_STD, **augment: Any
    ) -> None:
        super().__init__(mean, std)
        self.augment = AugmentConfig(**augment)
        self._fill = (255 * mean[0], 255 * mean[1], 255 * mean[2])

    def __call__(self, image: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        """Transform one image.

        Args:
            image: [h, w, 3], uint8, RGB.
            labels: [h, w], uint8, classes and 255 (ignored).

        Returns:
            A crop of the image, float32 [3, *crop], and its labels, int64 [*crop].
        """
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        warp = draw_warp(rng, image.shape[:2], self.augment)
        crop = warp.image(jitter(rng, image, self.augment), self._fill)
        return super().__call__(crop, warp.labels(labels))


class TransformedDataset(TorchDataset[tuple[Tensor, Tensor]]):
    """A dataset for `torch.utils.data.DataLoader`: pairs of a normalised image and its labels.

    Args:
        dataset: as `contextseg.data.open_dataset` gives it, or any with that interface.
        transform: a `TrainTransform`, an `EvalTransform`, or a function like them.
    """

    def __init__(
        self, dataset: Dataset, transform: Callable[[np.ndarray, np.ndarray], tuple[Tensor, Tensor]]
    ) -> None:
        self.dataset = dataset
        self.transform = transform

    def __len__(self) -> int:
        """Number of images."""
        return len(self.dataset)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Image and labels of each sample, in order."""
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Image and labels `index`, 0 to len - 1."""
        image, labels, _ = checked_sample(self.dataset, index)
        return self.transform(image, labels)
