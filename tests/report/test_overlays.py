"""Labels over images: colours, hatching, errors, images of any kind."""

from __future__ import annotations

import numpy as np
import pytest

from contextseg.data.classes import Classes
from contextseg.report.overlays import as_rgb, draw_errors, draw_labels, fitted
from contextseg.report.sheets import Example, batch_sheet, example_strip, names_sheet

CLASSES = Classes.numbered(2)
IMAGE = np.full((40, 60, 3), 100, np.uint8)


def test_classes_have_their_colours_and_ignored_pixels_stripes():
    labels = np.zeros((40, 60), np.uint8)
    labels[:, 20:40], labels[:, 40:] = 1, 255
    drawn = draw_labels(IMAGE, labels, CLASSES).astype(int)
    for label, column in ((0, 10), (1, 30)):
        expected = 0.4 * IMAGE[0, 0] + 0.6 * CLASSES.colors[label]
        assert drawn[10, column] == pytest.approx(expected, abs=2)
    ignored = np.unique(drawn[:, 42:].reshape(-1, 3), axis=0)
    assert len(ignored) == 2  # dark and pale stripes
    assert (ignored == ignored[:, :1]).all()  # grey
    assert (IMAGE == 100).all()


def test_only_scored_errors_are_red():
    truth = np.zeros((40, 60), np.uint8)
    truth[20:] = 255
    prediction = np.zeros_like(truth)
    prediction[:, 30:] = 1
    red = np.ptp(draw_errors(IMAGE, truth, prediction).astype(int), axis=2) > 50
    assert red[:20, 30:].all()
    assert red.sum() == 20 * 30


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_images_of_any_kind_can_be_shown(channels, kind):
    image = np.random.default_rng(0).integers(0, 250, (channels, 8, 9)).astype(kind)
    shown = as_rgb(image)
    assert shown.shape == (8, 9, 3)
    assert shown.dtype == np.uint8
    assert np.ptp(shown) > 200
    if kind == np.uint8:
        assert (shown[..., 0] == image[0]).all()
    assert as_rgb(np.full((3, 4, 4), np.nan, np.float32)).shape == (4, 4, 3)


def test_shrunk_labels_stay_labels():
    labels = np.zeros((100, 50), np.uint8)
    labels[50:] = 200
    small = fitted(labels, 10)
    assert small.shape == (10, 5)
    assert set(np.unique(small)) == {0, 200}
    assert fitted(small, 10) is small


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (300, 8), (64, 64)])
def test_sheets_of_any_shape(size):
    image, labels = np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8)
    name = "道路 " * 40
    for count in (1, 7):
        sheet = batch_sheet([image] * count, [labels] * count, [name] * count, CLASSES, "batch")
        assert max(sheet.size) < 4000
    strip = example_strip(Example(name, image, labels, labels, 1.0, 1.0), CLASSES, "best 1")
    assert strip.width >= 4 * size[1]
    assert names_sheet([image] * 3, [0, 1, 0], CLASSES, "batch").height > min(size[0], 120)
