"""Normalised tensors for a training loop of one's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from contextseg.data.shapes import ShapesDataset
from contextseg.data.transforms import EvalTransform, TrainTransform, TransformedDataset

MEAN, STD = (0.31, 0.52, 0.47), (0.21, 0.33, 0.27)


def scenes() -> ShapesDataset:
    return ShapesDataset("train", num_images=4, size=(40, 48))


def test_whole_images_are_normalised_and_labels_kept():
    dataset = scenes()
    image, labels = TransformedDataset(dataset, EvalTransform(MEAN, STD))[1]
    sample = dataset[1]
    expected = (sample.image / 255 - np.array(MEAN)) / np.array(STD)
    torch.testing.assert_close(image, torch.from_numpy(expected).permute(2, 0, 1).float())
    assert torch.equal(labels, torch.from_numpy(sample.labels).long())
    assert image.dtype == torch.float32
    assert labels.dtype == torch.int64


class Endless(ShapesDataset):
    """A data set that takes any index, as one of a user's own may."""

    def __getitem__(self, index):
        return super().__getitem__(index % len(self))


def test_iterating_gives_each_sample_once():
    pairs = [*TransformedDataset(Endless("train", num_images=3, size=(32, 32)), EvalTransform())]
    assert len(pairs) == 3
    assert not torch.equal(pairs[0][0], pairs[1][0])


def test_without_augmentation_a_crop_is_the_image_and_mean_colour_around_it():
    transform = TrainTransform(MEAN, STD, crop=(64, 64), scale=(1.0, 1.0), rotation=0, flip=0)
    sample = scenes()[0]
    image, labels = transform(sample.image, np.zeros_like(sample.labels))
    whole, _ = EvalTransform(MEAN, STD)(sample.image, sample.labels)
    inside = labels != 255
    assert image.shape == (3, 64, 64)
    assert inside.sum() == 40 * 48
    rows, columns = inside.any(1).nonzero()[:, 0], inside.any(0).nonzero()[:, 0]
    crop = image[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    torch.testing.assert_close(crop, whole[:, : crop.shape[1], : crop.shape[2]])
    assert image[:, ~inside].abs().max() < 0.5 / 255 / min(STD) + 1e-6  # the fill is rounded


def test_random_numbers_are_torch_s():
    dataset = TransformedDataset(scenes(), TrainTransform(crop=(32, 32)))

    def batches(seed: int) -> list[torch.Tensor]:
        torch.manual_seed(seed)
        return [image for image, _ in DataLoader(dataset, batch_size=2, shuffle=True)]

    first, again, other = batches(0), batches(0), batches(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert not torch.equal(dataset[0][0], dataset[0][0])


def test_options_are_checked():
    with pytest.raises(ValueError, match="crop must be between 32 and 16384, got 7"):
        TrainTransform(crop=(7, 7))
    with pytest.raises(TypeError, match="flipp"):
        TrainTransform(flipp=0.5)
