"""Channels are chosen and ranges mapped as the options say; what does not fit is told."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from contextseg.config import DataConfig, ImagesConfig, ModelConfig, TrainConfig
from contextseg.data.bands import display, read_pixels
from contextseg.data.bands.values import proposed_range
from contextseg.data.picture_files import ImageError

DEEP = np.random.default_rng(0).integers(0, 12_000, (30, 40, 5), np.uint16)


def test_a_range_maps_to_0_to_255_and_is_clipped():
    images = ImagesConfig(channels=(3, 0), value_range=(1000, 9000))
    found = read_pixels(DEEP, images)
    expected = np.clip((DEEP[..., [3, 0]].astype(np.float64) - 1000) / 8000, 0, 1) * 255
    assert (found.dtype, found.shape) == (np.float32, (30, 40, 2))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert (found.min(), found.max()) == (0, 255)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_types_differ_but_pixels_do_not(dtype):
    small = (DEEP // 50).astype(np.uint8)
    images = ImagesConfig(channels=5, value_range=(-10, 240))
    expected = (small.astype(np.float64) + 10) / 250 * 255
    np.testing.assert_allclose(read_pixels(small.astype(dtype), images), expected, atol=1e-4)


def test_percentiles_are_those_of_each_image_and_channel():
    scaled = DEEP * np.array([1, 2, 3, 4, 5], np.uint16)
    found = read_pixels(scaled, ImagesConfig(channels=5, percentiles=(2, 98)))
    assert ((found == 0).mean((0, 1)).round(2) == 0.02).all()
    assert ((found == 255).mean((0, 1)).round(2) == 0.02).all()
    images = ImagesConfig(channels=5, percentiles=(2, 98))
    same, plain = read_pixels(DEEP.astype(np.float64) / 3 + 7, images), read_pixels(DEEP, images)
    np.testing.assert_allclose(same, plain, atol=1e-3)


def test_a_channel_that_is_the_same_everywhere_has_percentiles_too():
    images = ImagesConfig(channels=2, percentiles=(2, 98))
    found = read_pixels(np.full((8, 8, 2), 77, np.uint16), images)
    assert (found == 0).all()


def test_channels_of_8_bits_stay_as_they_are():
    small = (DEEP // 50).astype(np.uint8)
    found = read_pixels(small, ImagesConfig(channels=(4, 1)))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, small[..., [4, 1]])


@pytest.mark.parametrize(
    ("image", "images", "message"),
    [
        (DEEP, ImagesConfig(channels=4), "has 5 channels, where images of 4 channels of 8 bits"),
        (DEEP, ImagesConfig(channels=(0, 5)), r"has 5 channels, where .* 2 channels \[0, 5\]"),
        (DEEP[..., :3], ImagesConfig(channels=4), "has 3 channels"),
        (DEEP[..., 0], ImagesConfig(channels=4), "has 1 channel, where"),
        (np.moveaxis(DEEP, 2, 0), ImagesConfig(channels=5), r"looks like \[C, h, w\]"),
        (torch.zeros(3, 8, 8), ImagesConfig(channels=4, value_range=(0, 1)), "tensor: has 3 chan"),
        (Image.new("RGB", (8, 8)), ImagesConfig(channels=4), "PIL image: has 3 channels"),
        (DEEP, ImagesConfig(channels=5), r"uint16, 0 to 119\d\d\).*data\.value_range.*0,16383"),
        (DEEP // 4, ImagesConfig(channels=5), r"here perhaps 0,4095"),
        (DEEP / 12_000, ImagesConfig(channels=5), r"float64, 0 to 0\.99.*perhaps 0,1,"),
        (np.full((8, 8, 5), np.nan), ImagesConfig(channels=5, value_range=(0, 1)), "320 values"),
        (np.full((8, 8, 5), np.inf), ImagesConfig(channels=5, percentiles=(2, 98)), "infinite"),
        (np.zeros((2, 8, 8, 5)), ImagesConfig(channels=5), r"must be numbers \[h, w, C\]"),
        (np.zeros((8, 8, 5), bool), ImagesConfig(channels=5), "bool"),
        ([1, 2], ImagesConfig(channels=5), "got list"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(image, images, message):
    with pytest.raises(ImageError, match=message):
        read_pixels(image, images)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 255], (0, 255)), ([3, 256], (0, 1023)), ([0, 10_000], (0, 10_000)),
        ([0, 40_000], (0, 65_535)), ([-300, 812], (-300, 820)), ([0, 70_001], (0, 71_000)),
    ],
)  # fmt: skip
def test_proposed_ranges_hold_all_values(values, expected):
    assert proposed_range(np.array(values, np.int32)) == expected


def test_proposed_ranges_of_fractions():
    assert proposed_range(np.array([0.01, 0.93])) == (0, 1)
    low, high = proposed_range(np.array([-0.123, 1.7]))
    assert low <= -0.123 < 1.7 <= high


def test_pictures_show_three_channels():
    images = ImagesConfig(channels=5, value_range=(0, 12_000), display=(4, 2, 0))
    pixels = read_pixels(DEEP, images)
    picture = display(pixels, images)
    assert (picture.dtype, picture.shape) == (np.uint8, (30, 40, 3))
    assert np.corrcoef(picture[..., 0].ravel(), DEEP[..., 4].ravel())[0, 1] > 0.99
    first = display(pixels, ImagesConfig(channels=5, value_range=(0, 12_000)))
    np.testing.assert_array_equal(first[..., 2], picture[..., 1])
    grey = display(pixels[..., :2], ImagesConfig(channels=2, value_range=(0, 12_000)))
    assert (grey == grey[..., :1]).all()
    photo = (DEEP[..., :3] // 50).astype(np.uint8)
    assert display(photo) is photo


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 0}, r"data\.channels must be at least 1"),
        ({"channels": 513}, r"data\.channels must be between"),
        ({"channels": (1, 1)}, "must name each channel once"),
        ({"channels": (0, -1)}, "channels must be between"),
        ({"channels": (512,)}, "below 512"),
        ({"channels": ()}, "1 to 512 numbers"),
        ({"value_range": (5, 5)}, "lowest < highest"),
        ({"percentiles": (2, 101)}, "between 0 and 100"),
        ({"value_range": (0, 1), "percentiles": (2, 98)}, "exclude each other"),
        ({"channels": 4, "display": (0, 1, 4)}, "0 to 3"),
    ],
)
def test_options_that_do_not_fit(options, message):
    from contextseg.config.io import from_dict

    with pytest.raises(ValueError, match=message):
        from_dict(TrainConfig, {"data": options})


def test_a_run_takes_its_network_s_images_from_the_data():
    config = TrainConfig(
        data=DataConfig(channels=(3, 1), value_range=(0, 9)),
        model=ModelConfig(images=ImagesConfig(channels=7), mean=(0.5, 0.5), std=(0.1, 0.2)),
    )
    assert config.model.images == ImagesConfig(channels=(3, 1), value_range=(0, 9))
    with pytest.raises(ValueError, match=r"model\.mean must be a list of 2 numbers"):
        TrainConfig(data=DataConfig(channels=2), model=ModelConfig(mean=(0.5,) * 3))
    assert TrainConfig().model.images.is_rgb
