"""Normalisation, against the formula."""

from __future__ import annotations

import pytest
import torch

from contextseg.config import ModelConfig, Normalisation
from contextseg.data.normalise import normalise, pixel_statistics

ODD = Normalisation((0.31, 0.52, 0.47), (0.21, 0.33, 0.27))


def test_is_the_formula_in_float32_to_the_last_bit():
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).repeat(2, 3, 1, 1)
    result = normalise(images, pixel_statistics(ODD))
    for channel in range(3):
        mean = torch.tensor(ODD.mean[channel]) * 255
        std = torch.tensor(ODD.std[channel]) * 255
        assert torch.equal(result[:, channel], (images[:, channel].float() - mean) / std)
    assert result.dtype == torch.float32
    assert torch.equal(images[0, 0].flatten(), torch.arange(256, dtype=torch.uint8))
    floats = images.float()
    assert torch.equal(normalise(floats, pixel_statistics(ODD)), result)
    assert torch.equal(floats, images.float())  # not written to


def test_writes_where_it_is_told_to():
    images = torch.randint(0, 256, (3, 5, 7), dtype=torch.uint8)
    volume = torch.zeros(2, 3, 5, 7).contiguous(memory_format=torch.channels_last)
    normalise(images, pixel_statistics(ODD), out=volume[1])
    assert torch.equal(volume[1], normalise(images, pixel_statistics(ODD)))
    assert not volume[0].any()


def test_a_config_of_no_network_yet_has_no_normalisation():
    with pytest.raises(ValueError, match="mean and std are not set yet: building the network"):
        _ = ModelConfig(mean=(0.5, 0.5, 0.5)).normalisation
    assert ModelConfig(mean=ODD.mean, std=ODD.std).normalisation == ODD
