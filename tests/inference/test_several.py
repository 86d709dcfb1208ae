"""Lists, folders and patterns of images, and what happens to a broken one among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.data.images import ImageError
from contextseg.inference.result import Prediction
from contextseg.inference.several import as_images, several
from tests.inference.fakes import colour_predictor, draw_image


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photos, one in a sub-folder, and a file that is none."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for number, name in enumerate(("b.png", "a.png", "more/c.jpg")):
        Image.fromarray(np.roll(draw_image(40, 48), number, axis=2)).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    return folder


def names(images) -> list[str]:
    return [Path(image).name for image in images]


def test_what_stands_for_several_images(photos):
    assert names(several(photos)) == ["a.png", "b.png", "c.jpg"]
    assert names(several(str(photos))) == ["a.png", "b.png", "c.jpg"]
    assert names(several(str(photos / "*.png"))) == ["a.png", "b.png"]
    assert names(several(photos / "**" / "*.jpg")) == ["c.jpg"]
    assert several([1, 2]) == [1, 2]
    assert several((1,)) == (1,)


def test_what_is_one_image(photos, tmp_path):
    bracket = tmp_path / "a[1].png"  # a file, though it looks like a pattern
    (photos / "a.png").rename(bracket)
    for one in (bracket, str(bracket), b"bytes", np.zeros((4, 4, 3)), "absent.png", bytes(bracket)):
        assert several(one) is None


def test_a_list_a_folder_and_a_pattern_give_lists(photos):
    predictor = colour_predictor()
    one = predictor(photos / "a.png")
    assert isinstance(one, Prediction)
    for source in ([photos / "a.png", photos / "b.png"], str(photos / "*.png"), photos):
        results = predictor(source, flip=True)
        assert isinstance(results, list)
        assert np.array_equal(results[0].image, one.image)
        assert np.array_equal(results[0].mask, predictor(photos / "a.png", flip=True).mask)
    assert len(results) == 3


def test_an_empty_folder_and_a_pattern_without_matches_are_named(tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(ImageError, match=r"there are no images in .*none"):
        colour_predictor()(tmp_path / "none")
    with pytest.raises(ImageError, match=r"\*\.jpg: no file matches this pattern"):
        colour_predictor()(str(tmp_path / "*.jpg"))
    with pytest.raises(ImageError, match="absent"):
        colour_predictor()(str(tmp_path / "absent"))


@pytest.mark.parametrize("listed", [True, False])
def test_a_broken_image_among_several_is_named_and_ends_the_call(photos, listed):
    (photos / "b.png").write_bytes(b"broken")
    source = [photos / "a.png", photos / "b.png", photos / "more/c.jpg"] if listed else photos
    with pytest.raises(ImageError, match=r"b\.png"):
        colour_predictor()(source)


def test_a_stream_gives_the_results_before_a_broken_image(photos):
    (photos / "b.png").write_bytes(b"broken")
    results = colour_predictor().stream(photos)
    assert next(results).image.shape == (40, 48, 3)
    with pytest.raises(ImageError, match=r"b\.png"):
        next(results)


def test_a_stream_segments_an_image_when_it_is_asked_for(photos):
    predictor = colour_predictor()
    results = predictor.stream(path for path in sorted(photos.glob("*.png")))
    assert predictor.model.seen == []
    assert next(results).mask.shape == (40, 48)
    assert len(predictor.model.seen) == 1
    assert len(list(results)) == 1


def test_a_stream_takes_one_image_of_any_kind(photos):
    array = draw_image(40, 48)
    for one in (photos / "a.png", str(photos / "a.png"), array, Image.fromarray(array)):
        assert len(list(colour_predictor().stream(one))) == 1
    with (photos / "a.png").open("rb") as file:
        assert len(list(colour_predictor().stream(file))) == 1
    assert as_images((photos / "a.png").read_bytes()) == [(photos / "a.png").read_bytes()]


def test_a_classifier_takes_folders_too(photos):
    import contextseg
    from contextseg.data.classes import Classes

    model = contextseg.create_model("resnet14", num_classes=3, width=8)
    predictor = contextseg.ClassifierPredictor(model, Classes.numbered(3), device="cpu")
    results = predictor(photos)
    assert len(results) == 3
    assert results[0].name == predictor(photos / "a.png").name
