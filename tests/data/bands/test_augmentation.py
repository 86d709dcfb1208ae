"""Augmentation treats each channel alike, however many there are."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from contextseg.config import AugmentConfig, ImagesConfig
from contextseg.data.bands.statistics import channel_statistics
from contextseg.data.channels import resized
from contextseg.data.checked_samples import checked_sample
from contextseg.data.classes import Classes
from contextseg.data.colour import jitter_channels
from contextseg.data.loading import TrainingLoader, TrainingSet, pixel_bytes
from contextseg.data.sample import Sample
from contextseg.data.warp import Warp

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 9), np.uint8)


def turned(scale):
    cos, sin = scale * math.cos(0.3), scale * math.sin(0.3)
    return Warp(np.array([[cos, sin, 3.0], [-sin, cos, 12.0]]), (36, 44))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("scale", [1.3, 0.4])
def test_a_warp_of_many_channels_is_that_of_each(channels, dtype, scale):
    pixels = PIXELS[..., :channels].astype(dtype)
    fill = tuple(11.5 * (i + 1) for i in range(channels))
    found = turned(scale).image(pixels, fill)
    assert (found.shape, found.dtype) == ((36, 44, channels), dtype)
    for i in range(channels):
        alone = turned(scale).image(np.ascontiguousarray(pixels[..., i : i + 1]), fill[i : i + 1])
        np.testing.assert_array_equal(found[..., i], alone[..., 0])
    outside = turned(scale).labels(np.zeros((40, 50), np.uint8)) == 255
    corner = found[0, -1] if outside[0, -1] else found[-1, 0]
    expected = np.round(fill) if dtype == np.uint8 else np.array(fill)
    np.testing.assert_array_equal(corner, expected.astype(dtype))


@pytest.mark.parametrize("channels", [1, 3, 9])
def test_resizing_keeps_all_channels(channels):
    import cv2

    found = resized(PIXELS[..., :channels], (20, 25), cv2.INTER_AREA)
    assert found.shape == (20, 25, channels)
    np.testing.assert_array_equal(
        found[..., -1],
        cv2.resize(PIXELS[..., channels - 1], (25, 20), interpolation=cv2.INTER_AREA),
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_brightness_and_contrast_of_channels(dtype):
    pixels = (40 + PIXELS // 4).astype(dtype)
    off = AugmentConfig(saturation=0.5, hue=0.5)
    assert jitter_channels(np.random.default_rng(0), pixels, off) is pixels
    for options in ({"brightness": 0.3}, {"contrast": 0.3}):
        config = AugmentConfig(**options)
        draws = np.random.default_rng(3).uniform(-1, 1, 4) * 0.3
        found = jitter_channels(np.random.default_rng(3), pixels, config)
        plain = pixels.astype(np.float64)
        if "brightness" in options:
            expected = plain * (1 + draws[0])
        else:
            mean = plain.mean((0, 1))
            expected = mean + (1 + draws[1]) * (plain - mean)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, atol=0.51 if dtype == np.uint8 else 1e-3)


class Own:
    """Somebody's data set of arrays, raw ones or scaled ones."""

    split, classes = "train", Classes.numbered(2)

    def __init__(self, arrays, images):
        self.arrays, self.images = arrays, images
        self.names = [str(i) for i in range(len(arrays))]

    def __len__(self):
        return len(self.arrays)

    def __getitem__(self, index):
        array = self.arrays[index]
        return Sample(array, np.zeros(array.shape[:2], np.uint8), self.names[index])


def test_an_own_data_set_says_what_its_images_are():
    raw = PIXELS.astype(np.uint16) * 100
    images = ImagesConfig(channels=(8, 0), value_range=(0, 25_500))
    sample = checked_sample(Own([raw], images), 0)
    np.testing.assert_allclose(sample.image, PIXELS[..., [8, 0]], atol=1e-4)
    with pytest.raises(ValueError, match=r"sample 0 .*has 3 channels"):
        checked_sample(Own([raw[..., :3]], images), 0)
    augment = AugmentConfig(crop=(32, 32), brightness=0.1)
    training = TrainingSet(Own([raw, raw], images), augment, (0.5, 0.4))
    batch = next(iter(TrainingLoader(training, batch_size=2, epochs=1)))
    assert (batch["image"].shape, batch["image"].dtype) == ((2, 2, 32, 32), torch.float32)
    assert pixel_bytes(Own([raw], images)) == 9
    assert pixel_bytes(Own([raw], ImagesConfig())) == 4


def test_statistics_of_the_training_images():
    images = ImagesConfig(channels=9)
    mean, std = channel_statistics(Own([PIXELS, PIXELS // 2], images))
    both = np.stack([PIXELS, PIXELS // 2]) / 255
    np.testing.assert_allclose(mean, both.mean((0, 1, 2)), atol=1e-5)
    np.testing.assert_allclose(std, both.std((0, 1, 2)), atol=1e-5)
    sampled = channel_statistics(Own([PIXELS, PIXELS // 2], images), most=1)
    np.testing.assert_allclose(sampled.mean, (PIXELS / 255).mean((0, 1)), atol=1e-5)


def test_a_channel_without_content_is_refused():
    flat = PIXELS.copy()
    flat[..., 4] = 51
    with pytest.raises(ValueError, match=r"channel 4 .* is 0\.2 .*data\.channels"):
        channel_statistics(Own([flat, flat], ImagesConfig(channels=9)))
