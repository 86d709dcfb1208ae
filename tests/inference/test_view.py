"""Results of single images in a notebook."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from contextseg.data.classes import Classes, ClassInfo
from contextseg.inference.classifier import Classification
from contextseg.inference.result import Prediction
from tests.display.views import HOSTILE, read, text_of

CLASSES = Classes("x", (ClassInfo(3, "sky", (10, 20, 250)), ClassInfo(7, HOSTILE, (250, 0, 0)),
                        ClassInfo(9, "car", (0, 90, 0))))  # fmt: skip


def prediction(height=40, width=60, presence=None):
    mask = np.full((height, width), 3, np.uint8)
    mask[: height // 4] = 7
    image = np.full((height, width, 3), 128, np.uint8)
    return Prediction(image=image, mask=mask, vocabulary=CLASSES, presence=presence)


def test_a_prediction_shows_its_overlay_and_its_classes():
    result = prediction(presence={"sky": 0.91, HOSTILE: 0.5, "car": 0.25})
    found = read(result._repr_html_())
    text = text_of(result._repr_html_())
    assert "sky 75.0 0.91" in text
    assert "25.0 0.50" in text
    assert "car" not in text
    assert "40 × 60 pixels" in text
    (address,) = found.images
    picture = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    assert picture.size == (60, 40)
    red, green, blue = picture.getpixel((30, 30))
    assert blue > red > 30
    assert abs(red - 57) < 12  # .4 of grey 128, .6 of 10
    assert abs(green - 63) < 12


def test_a_prediction_without_presence_has_no_such_column():
    assert "presence" not in text_of(prediction()._repr_html_())


def test_the_png_has_the_overlay_and_its_legend():
    result = prediction(200, 300)
    result.image[:] = np.random.default_rng(0).integers(0, 256, result.image.shape, np.uint8)
    picture = Image.open(io.BytesIO(result._repr_png_()))
    assert picture.format == "PNG"
    assert picture.width > 300
    colors = np.asarray(picture.convert("RGB"))[:, 300:].reshape(-1, 3).astype(int)
    for wanted in ((10, 20, 250), (250, 0, 0), (255, 255, 255)):  # swatches on paper
        assert np.abs(colors - wanted).sum(1).min() == 0


@pytest.mark.parametrize(("height", "width"), [(1200, 1600), (30, 4000), (1, 1)])
def test_views_are_bounded_whatever_the_size(height, width):
    rng = np.random.default_rng(0)
    mask = rng.choice(np.array([3, 7, 9], np.uint8), (height, width))
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    result = Prediction(image=image, mask=mask, vocabulary=CLASSES, presence=None)
    read(result._repr_html_(), most=400_000)  # noise, the worst there is
    assert len(result._repr_png_()) < 800_000


def test_of_many_classes_the_largest_are_listed():
    mask = np.arange(200, dtype=np.uint8).reshape(10, 20)
    result = Prediction(image=np.zeros((10, 20, 3), np.uint8), mask=mask,
                        vocabulary=Classes.numbered(200), presence=None)  # fmt: skip
    assert "and 160 more" in text_of(result._repr_html_())
    assert len(result._repr_png_()) < 100_000


def test_a_classification_shows_its_most_probable_classes():
    result = Classification(probabilities=torch.tensor([0.2, 0.7, 0.1]), classes=CLASSES)
    assert repr(result).startswith("Classification(<img src=x onerror=alert(1)>\\x1b[2J")
    assert repr(result).endswith(" 70%, sky 20%, car 10%)")
    assert "sky 20.0" in text_of(result._repr_html_())
