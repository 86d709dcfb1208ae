"""What a prediction says and shows."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.data.classes import Classes, ClassInfo
from contextseg.inference.result import ClassShare, Prediction
from contextseg.system import showing

STREET = Classes(
    "street",
    (
        ClassInfo(4, "sky", (10, 200, 250)),
        ClassInfo(7, "road", (200, 20, 40)),
        ClassInfo(9, "car", (0, 0, 90)),
    ),
)


def street(height: int = 60, width: int = 80) -> Prediction:
    """A grey image: a quarter sky above, road below."""
    mask = np.full((height, width), 7, np.uint8)
    mask[: height // 4] = 4
    image = np.full((height, width, 3), 100, np.uint8)
    return Prediction(image=image, mask=mask, vocabulary=STREET, presence={"sky": 0.9})


def test_classes_by_share():
    prediction = street()
    assert prediction.classes == [
        ClassShare("road", 7, 0.75, 3600),
        ClassShare("sky", 4, 0.25, 1200),
    ]
    assert repr(prediction) == "Prediction(60 x 80: road 75%, sky 25%)"
    assert json.loads(json.dumps(prediction.to_dict())) == {
        "height": 60,
        "width": 80,
        "classes": [
            {"name": "road", "id": 7, "share": 0.75, "pixels": 3600},
            {"name": "sky", "id": 4, "share": 0.25, "pixels": 1200},
        ],
        "presence": {"sky": 0.9},
    }


def test_the_overlay_mixes_photo_and_class_colours():
    prediction = street()
    picture = np.array(prediction.overlay(0.5, legend=False, boundaries=False))
    assert picture.shape == (60, 80, 3)
    assert picture[0, 0].tolist() == [55, 150, 175]  # half of 100, half of the colour
    assert picture[59, 79].tolist() == [150, 60, 70]
    assert np.array_equal(prediction.overlay(0, legend=False, boundaries=False), prediction.image)
    assert prediction.image.max() == 100  # the photo itself is left alone


def test_boundaries_lie_between_classes_only():
    prediction = street()
    plain = np.array(prediction.overlay(legend=False, boundaries=False))
    lined = np.array(prediction.overlay(legend=False))
    rows = np.flatnonzero((plain != lined).any((1, 2)))
    assert rows.tolist() == [15]


@pytest.mark.parametrize("size", [(60, 80), (300, 400), (400, 60), (20, 900), (5, 5), (1500, 1000)])
def test_the_legend_leaves_the_photo_as_it_is(size):
    prediction = street(*size)
    photo = np.array(prediction.overlay(legend=False))
    panel = np.array(prediction.overlay())
    assert np.array_equal(panel[: size[0], : size[1]], photo)
    panel[: size[0], : size[1]] = 255
    for info in STREET.classes[:2]:  # a swatch of each class that is there
        assert (panel == info.color).all(2).sum() >= 10 * 10, info.name
    assert not (panel == STREET.classes[2].color).all(2).any()  # and of no other
    rows, columns = np.nonzero((panel != 255).any(2))
    assert rows.max() < panel.shape[0] - 1  # nothing is cut off
    assert columns.max() < panel.shape[1] - 1


def test_many_classes_fit_below():
    classes = Classes.numbered(40)
    mask = np.arange(100 * 200).reshape(100, 200) % 40
    image = np.zeros((100, 200, 3), np.uint8)
    prediction = Prediction(
        image=image, mask=mask.astype(np.uint8), vocabulary=classes, presence=None
    )
    panel = np.array(prediction.overlay())[100:]
    for color in classes.colors:
        assert (panel == color).all(2).sum() >= 10 * 10


def test_saving_keeps_ids_and_colours(tmp_path):
    prediction = street()
    prediction.save_mask(tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as mask:
        assert np.array_equal(np.array(mask), prediction.mask)
        assert mask.convert("RGB").getpixel((0, 0)) == (10, 200, 250)
    for name in ("overlay.jpg", "overlay.png"):
        prediction.save_overlay(tmp_path / name)
        with Image.open(tmp_path / name) as overlay:
            assert overlay.size == prediction.overlay().size


def test_wrong_options_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"alpha must be in 0 to 1, got 2"):
        street().overlay(2)
    with pytest.raises(ValueError, match=r"mask\.jpg: masks are saved as \.png"):
        street().save_mask(tmp_path / "mask.jpg")


@pytest.mark.parametrize("name", ["overlay.png", "overlay.jpg"])
def test_saving_writes_the_overlay(tmp_path, name):
    prediction = street()
    prediction.save(tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert image.size == prediction.overlay().size
        if name.endswith(".png"):
            assert image.convert("RGB").tobytes() == prediction.overlay().tobytes()
    prediction.save(tmp_path / "faint.png", alpha=0.1)
    with Image.open(tmp_path / "faint.png") as image:
        assert image.convert("RGB").tobytes() == prediction.overlay(0.1).tobytes()


def test_who_seems_to_save_a_mask_is_warned(tmp_path):
    with pytest.warns(FutureWarning, match=r"mask\.png: save writes the overlay now; save_mask"):
        street().save(tmp_path / "my_mask.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        street().save_overlay(tmp_path / "my_mask.png")
        street().save_mask(tmp_path / "my_mask.png")


def test_show_writes_a_file_where_there_is_no_display(monkeypatch, capsys):
    monkeypatch.setattr(showing, "has_display", lambda: False)
    prediction = street()
    prediction.show()
    path = Path(capsys.readouterr().out.strip())
    with Image.open(path) as image:
        assert image.tobytes() == prediction.overlay().tobytes()
    path.unlink()
