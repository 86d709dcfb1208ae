"""Synthetic scenes are the same each time, and hold what they say."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from contextseg.config.labels import IGNORED
from contextseg.data import open_dataset
from contextseg.data.shapes import (
    BOAT,
    BOULDER,
    BUOY,
    CRATE,
    LAND,
    SEA,
    SKY,
    TENT,
    ShapesDataset,
)  # fmt: skip


def test_a_scene_follows_from_seed_split_and_index():
    train = ShapesDataset("train", num_images=4)
    for a, b in zip(train, ShapesDataset("train", num_images=9), strict=False):
        assert (a.image == b.image).all()
        assert (a.labels == b.labels).all()
    for other in (ShapesDataset("val"), ShapesDataset("train", seed=1)):
        assert (train[0].image != other[0].image).any()
    assert (train[0].image != train[1].image).any()


@pytest.mark.parametrize("size", [(96, 128), (32, 33)])
def test_the_scene_decides_the_classes(size):
    seen = set()
    for image, labels, _ in ShapesDataset("train", num_images=40, size=size):
        assert image.shape == (*size, 3)
        assert image.dtype == labels.dtype == np.uint8
        present = set(np.unique(labels).tolist())
        assert present <= (
            {SKY, SEA, BOAT, BUOY, CRATE, IGNORED}
            if SEA in present
            else {SKY, LAND, TENT, BOULDER, CRATE, IGNORED}
        )
        seen |= present
    assert seen == {*range(8), IGNORED}


def test_open_by_the_word():
    dataset = open_dataset("shapes", "val")
    assert isinstance(dataset, ShapesDataset)
    assert len(dataset) == 64
    assert dataset.names[:2] == ["val-0000", "val-0001"]
    assert dataset[0].name == "val-0000"
    assert dataset.image_size(0) == dataset[0].labels.shape
    with pytest.raises(IndexError):
        dataset[64]


def test_a_size_that_is_too_small():
    with pytest.raises(ValueError, match=r"at least 32 rows and columns, got \[31, 64\]"):
        ShapesDataset(size=(31, 64))


def test_importing_the_package_is_cheap():
    code = "import sys, contextseg.data; print([m for m in ('torch', 'cv2') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
