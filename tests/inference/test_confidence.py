"""The confidence of predictions, what a temperature does to it, and pixels left out for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from contextseg import calibrate
from contextseg.data.classes import Classes, ClassInfo
from contextseg.engines import ExportedModel
from contextseg.engines.info import ExportInfo
from contextseg.inference.predict_files import OutputExistsError, predict_files
from contextseg.inference.predictor import Predictor
from contextseg.inference.result import Prediction
from contextseg.ops.upsampled_rows import STRIP_BYTES
from tests.evaluation.test_evaluation import Drawn
from tests.inference.fakes import colour_predictor, draw_image

VIEWS = [{}, {"flip": True}, {"scales": (0.75, 1.3), "flip": True}, {"window": 48}]


def predictor_at(temperature: float, **options):
    predictor = colour_predictor(**options)
    predictor.config = replace(predictor.config, temperature=temperature)
    return predictor


@pytest.fixture(autouse=True)
def small_strips(monkeypatch):
    """Strips of a few rows, so that small images take several."""
    for kind in STRIP_BYTES:
        monkeypatch.setitem(STRIP_BYTES, kind, 30_000)


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
def test_it_is_the_highest_probability_and_labels_stay(views, temperature):
    image = draw_image(85, 130)
    plain, predictor = colour_predictor(), predictor_at(temperature)
    prediction = predictor(image, confidence=True, **views)
    assert np.array_equal(prediction.mask, plain(image, **views).mask)
    assert prediction.confidence.dtype == np.float32
    volume = predictor.probabilities(image, **views)
    torch.testing.assert_close(volume.sum(0), torch.ones(85, 130))
    torch.testing.assert_close(torch.from_numpy(prediction.confidence), volume.amax(0),
                               rtol=1e-4, atol=1e-5)  # fmt: skip
    # The definition: the logarithm of the mean probabilities, divided by the temperature.
    mean = plain.probabilities(image, **views).double()
    torch.testing.assert_close(volume.double(), (mean.log() / temperature).softmax(0),
                               rtol=1e-4, atol=1e-5)  # fmt: skip


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
def test_of_one_pass_it_is_the_softmax_of_logits_over_the_temperature(temperature):
    predictor = predictor_at(temperature)
    image = draw_image(64, 96)
    mean, std = (torch.tensor(t).view(3, 1, 1) for t in (predictor.config.mean,
                                                         predictor.config.std))  # fmt: skip
    pixels = ((torch.from_numpy(image).permute(2, 0, 1) / 255 - mean) / std)[None]
    logits = F.interpolate(predictor.model(pixels).coarse_logits.double(), (64, 96),
                           mode="bilinear")  # fmt: skip
    expected = (logits / temperature).softmax(1).amax(1)[0]
    found = torch.from_numpy(predictor(image, confidence=True).confidence).double()
    torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-5)


def test_it_costs_nothing_unless_asked_for(monkeypatch):
    def never(*args, **options):
        raise AssertionError("a confidence was computed")

    monkeypatch.setattr("contextseg.inference.views.average.confidence_of", never)
    predictor = predictor_at(2.0)
    for views in VIEWS:
        assert predictor(draw_image(40, 60), **views).confidence is None
    with pytest.raises(AssertionError):
        predictor(draw_image(40, 60), flip=True, confidence=True)


def test_small_images_and_lists_have_their_own_size():
    predictor = colour_predictor()
    images = [draw_image(10, 7), draw_image(50, 40)]
    for prediction in predictor(images, confidence=True):
        assert prediction.confidence.shape == prediction.mask.shape
        assert (prediction.confidence >= 1 / 5).all()


def exported(output: str) -> Predictor:
    """A file whose graph gives class 1 a probability of 0.8, of a model with a temperature."""
    classes, config = Classes.numbered(3), replace(colour_predictor().config, num_classes=3)
    info = ExportInfo(config=replace(config, temperature=2.0), classes=classes, output=output,
                      precision="fp32", multiple=1)  # fmt: skip

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        shape = (len(images), 1, *images.shape[2:])
        volume = np.concatenate([np.full(shape, p, np.float32) for p in (0.1, 0.8, 0.1)], 1)
        return {output: volume.argmax(1).astype(np.uint8) if output == "mask" else volume}

    return Predictor(ExportedModel(info, run, "a test", Path("x.onnx")), classes, device="cpu")


def test_exported_files_have_it_if_they_give_probabilities():
    image = draw_image(40, 50)
    prediction = exported("probabilities")(image, confidence=True)
    powers = np.sqrt([0.1, 0.8, 0.1])  # temperature 2
    assert np.allclose(prediction.confidence, powers[1] / powers.sum(), atol=1e-5)
    assert np.array_equal(prediction.mask, exported("mask")(image).mask)
    with pytest.raises(ValueError, match="this export returns class labels only"):
        exported("mask")(image, confidence=True)
    with pytest.raises(ValueError, match="an exported file cannot be changed"):
        calibrate(exported("mask"), Drawn(num_classes=3))


def with_confidence(vocabulary: Classes) -> Prediction:
    image = np.full((2, 3, 3), 90, np.uint8)
    mask = vocabulary.to_ids(np.array([[0, 1, 0], [1, 0, 1]]))
    confidence = np.array([[0.9, 0.6, 0.59], [0.3, np.nan, 1.0]], np.float32)
    return Prediction(image=image, mask=mask, vocabulary=vocabulary, presence=None,
                      confidence=confidence)  # fmt: skip


RED, BLUE = ClassInfo(0, "red", (250, 0, 0)), ClassInfo(255, "blue", (0, 0, 250))
VOID = ClassInfo(7, "void", (1, 2, 3))


@pytest.mark.parametrize(
    ("classes", "ignored"),
    [
        (Classes("two", (RED, replace(BLUE, id=4))), 255),
        (Classes("two and void", (RED, BLUE), (VOID,)), 7),
        (Classes("255 is a class", (RED, BLUE)), 254),
    ],
)
def test_uncertain_pixels_get_the_id_of_ignored_ones(classes, ignored):
    prediction = with_confidence(classes)
    assert prediction.ignored == 0
    left = prediction.ignore_below(0.6)
    ids = classes.ids
    assert left.mask.tolist() == [[ids[0], ids[1], ignored], [ignored, ignored, ids[1]]]
    assert left.ignored == 0.5
    assert [(c.name, c.pixels) for c in left.classes] == [("blue", 2), ("red", 1)]
    assert classes.to_labels(left.mask).tolist() == [[0, 1, 255], [255, 255, 1]]
    assert prediction.ignored == 0  # as it was
    picture = np.array(left.overlay(1.0, legend=False, boundaries=False))
    assert picture[0].tolist() == [[250, 0, 0], [0, 0, 250], [90, 90, 90]]
    assert (np.array(left.overlay(legend=False))[left.mask == ignored] == 90).all()


def test_wrong_thresholds_and_missing_confidences_are_named(tmp_path):
    prediction = with_confidence(Classes("two", (RED, BLUE)))
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="must be a confidence in 0 to 1"):
            prediction.ignore_below(threshold)
    bare = replace(prediction, confidence=None)
    with pytest.raises(ValueError, match="Make it with confidence=True"):
        bare.ignore_below(0.5)
    with pytest.raises(ValueError, match="Make it with confidence=True"):
        bare.save_confidence(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.jpg: confidence is saved as \.png"):
        prediction.save_confidence(tmp_path / "a.jpg")
    prediction.save_confidence(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert np.array(image).tolist() == [[230, 153, 150], [76, 0, 255]]


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        Image.fromarray(draw_image(40, 60, seed=number)).save(folder / f"{number}.png")
    return folder


def lines(out):
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]


def test_files_of_confidence_and_masks_with_a_threshold(photos, tmp_path):
    out, plain = tmp_path / "out", tmp_path / "plain"
    predict_files(colour_predictor(), [photos], plain)
    predict_files(colour_predictor(), [photos], out, ignore_below=0.6, confidence=True)
    for number, line in enumerate(lines(out)):
        with (Image.open(out / f"masks/{number}.png") as mask,
              Image.open(out / line["confidence"]) as confidence):  # fmt: skip
            ids, grey = np.array(mask), np.array(confidence)
        assert line["confidence"] == f"confidence/{number}.png"
        assert line["overlay"] == f"overlays/{number}.jpg"
        assert line["ignored"] == (ids == 255).mean() > 0
        assert line["ignored"] + sum(c["share"] for c in line["classes"]) == pytest.approx(1)
        assert (grey[ids == 255] <= 153).all()
        assert (grey[ids != 255] >= 153).all()
        with Image.open(plain / f"masks/{number}.png") as mask:
            assert np.array_equal(np.array(mask)[ids != 255], ids[ids != 255])
    assert all({"ignored", "confidence"}.isdisjoint(line) for line in lines(plain))
    with pytest.raises(ValueError, match="must be a confidence in 0 to 1, got 60"):
        predict_files(colour_predictor(), [photos], tmp_path / "none", ignore_below=60)
    assert not (tmp_path / "none").exists()


def test_skipping_what_exists_knows_thresholds_and_temperatures(photos, tmp_path):
    out = tmp_path / "out"

    def again(temperature=1.0, **options):
        summary = predict_files(
            predictor_at(temperature), [photos], out, skip_existing=True, **options
        )
        return summary.done, summary.kept

    assert again() == (2, 0)
    assert again(2.0) == (0, 2)  # labels do not depend on the temperature
    with pytest.raises(OutputExistsError, match=r"ignore_below: None then, 0.6 now"):
        again(ignore_below=0.6)
    assert again(ignore_below=0.6, overwrite=True) == (2, 0)
    assert again(ignore_below=0.6) == (0, 2)
    with pytest.raises(OutputExistsError, match=r"temperature: 1.0 then, 2.0 now"):
        again(2.0, ignore_below=0.6)
    with pytest.raises(OutputExistsError, match=r"ignore_below: 0.6 then, 0.5 now"):
        again(ignore_below=0.5)
    assert again(ignore_below=0.6, confidence=True) == (2, 0)  # the pictures are missing
    assert again(ignore_below=0.6, confidence=True) == (0, 2)
    (out / "confidence/1.png").unlink()
    assert again(ignore_below=0.6, confidence=True) == (1, 1)
    # Results are no images to segment.
    summary = predict_files(colour_predictor(), [out, photos], out, overwrite=True)
    assert summary.done == 2
