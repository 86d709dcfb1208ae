"""The colour map against torchvision's functions, one at a time."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from contextseg.config import AugmentConfig
from contextseg.data.colour import colour_matrix, jitter
from tests.data.pictures import photo

IMAGE = 60 + photo() // 4  # no change below reaches 0 or 255
GREY = float(np.array([0.299, 0.587, 0.114]) @ IMAGE.reshape(-1, 3).mean(0))


@pytest.mark.parametrize("change", [-0.4, 0.0, 0.4])
@pytest.mark.parametrize(
    ("place", "function"),
    [
        (0, reference.adjust_brightness),
        (1, reference.adjust_contrast),
        (2, reference.adjust_saturation),
    ],
)
def test_each_change_is_that_of_torchvision(place, function, change):
    changes = [0.0, 0.0, 0.0, 0.0]
    changes[place] = change
    ours = cv2.transform(IMAGE, colour_matrix(*changes, GREY))
    theirs = function(torch.from_numpy(IMAGE).permute(2, 0, 1), 1 + change).permute(1, 2, 0)
    assert np.abs(ours.astype(int) - theirs.numpy()).max() <= 2  # torchvision rounds down


def test_hue_turns_about_the_grey_axis():
    turned = cv2.transform(IMAGE, colour_matrix(0, 0, 0, 0.2, GREY)).astype(int)
    luma = np.array([0.299, 0.587, 0.114])
    assert np.abs(turned @ luma - IMAGE @ luma).max() < 1
    assert np.abs(turned - IMAGE).max() > 10
    assert colour_matrix(0, 0, 0, 1, GREY) == pytest.approx(np.eye(3, 4), abs=1e-9)
    half = colour_matrix(0, 0, 0, 0.5, GREY)[:, :3]
    assert half @ half == pytest.approx(np.eye(3))


def test_changes_are_drawn_within_their_limits():
    grey = np.full((4, 4, 3), 100, np.uint8)
    config = AugmentConfig(brightness=0.3, contrast=0.9, saturation=0.9, hue=0.5)
    rng = np.random.default_rng(0)
    values = [jitter(rng, grey, config) for _ in range(300)]
    assert max(np.ptp(value) for value in values) <= 1  # grey stays grey, up to rounding
    levels = [int(value[0, 0, 0]) for value in values]
    assert 70 <= min(levels) < 75  # contrast leaves the mean where brightness put it
    assert 125 < max(levels) <= 130


def test_nothing_switched_on_gives_the_image_itself():
    assert jitter(np.random.default_rng(0), IMAGE, AugmentConfig()) is IMAGE
