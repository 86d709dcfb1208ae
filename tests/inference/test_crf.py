"""Predictions refined by a CRF, in Python and by `contextseg predict --crf`."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

import contextseg
from contextseg.cli.__main__ import main
from contextseg.config import CRFConfig, ProtocolConfig
from contextseg.data.classes import Classes
from contextseg.ops import crf
from contextseg.weights import save_model
from tests.inference.fakes import colour_predictor, draw_image


def test_it_is_the_op_on_the_probabilities():
    predictor, image = colour_predictor(), draw_image(45, 60)
    before = predictor.probabilities(image, flip=True)
    predictor.crf = CRFConfig(iterations=3, appearance=4, colour=20)
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    expected = crf(before.log()[None], pixels, weights=(4.0, 1.0), iterations=3, colour=20)[0]
    found = predictor.probabilities(image, flip=True)
    torch.testing.assert_close(found, expected.softmax(0), rtol=1e-4, atol=1e-5)
    result = predictor.segment(image, flip=True, confidence=True)
    assert result.labels.dtype == torch.uint8
    assert torch.equal(result.labels.long(), found.argmax(0))
    assert torch.equal(result.confidence, found.amax(0))
    assert not torch.equal(result.labels.long(), before.argmax(0))
    plain = predictor(image)
    assert plain.confidence is None
    assert plain.mask.shape == (45, 60)


def test_labels_do_not_depend_on_the_temperature():
    predictor, image = colour_predictor(), draw_image(40, 52)
    predictor.crf = CRFConfig(iterations=2)
    labels = predictor.segment(image).labels
    object.__setattr__(predictor.config, "temperature", 3.0)
    assert torch.equal(predictor.segment(image).labels, labels)


def test_at_a_stride():
    predictor, image = colour_predictor(), draw_image(45, 60)
    predictor.crf = CRFConfig(iterations=2, stride=4)
    found = predictor.probabilities(image)
    assert found.shape == (5, 45, 60)
    torch.testing.assert_close(found.sum(0), torch.ones(45, 60))


def test_what_it_cannot_do_is_refused():
    predictor, image = colour_predictor(max_pixels=1024), draw_image(45, 60)
    predictor.crf = CRFConfig()
    with pytest.raises(ValueError, match="45 x 60 pixels at stride 1 are more than max_pixels"):
        predictor.segment(image)
    predictor.crf = CRFConfig(stride=2)
    predictor.segment(image)
    with pytest.raises(ValueError, match="a protocol has no CRF"):
        predictor.segment(image, protocol=ProtocolConfig())


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    network = contextseg.create_model("fcn", backbone="test_resnet", num_classes=3,
                                      head_channels=8, aux_channels=8)  # fmt: skip
    save_model(tmp_path / "model.safetensors", network.eval(), Classes.numbered(3))
    return tmp_path / "model.safetensors"


def test_on_the_command_line(model, tmp_path, capsys):
    Image.fromarray(draw_image(40, 48)).save(tmp_path / "photo.png")
    words = ["predict", str(model), str(tmp_path / "photo.png"), "--no-overlays", "--device", "cpu"]
    out = tmp_path / "out"
    assert main([*words, "-o", str(out), "--crf", "--crf-options", "stride=2,appearance=8"]) == 0
    predictor = contextseg.load(model, device="cpu")
    predictor.crf = CRFConfig(stride=2, appearance=8)
    expected = predictor(tmp_path / "photo.png").mask
    assert np.array_equal(np.asarray(Image.open(out / "masks" / "photo.png")), expected)
    (line,) = (out / "predictions.jsonl").read_text().splitlines()
    assert json.loads(line)["made_by"]["crf"]["stride"] == 2
    capsys.readouterr()
    # Results with a CRF are no results without one.
    assert main([*words, "-o", str(out), "--skip-existing"]) == 2
    assert "other options" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--crf-options", "stride=2"], "--crf-options requires --crf"),
        (["--crf", "--crf-options", "color=3"], "must be NAME=VALUE, separated by commas, of iter"),
        (["--crf", "--crf-options", "stride"], "got 'stride'"),
        (
            ["--crf", "--crf-options", "iterations=1.5"],
            "iterations must be a whole number, got 1.5",
        ),
        (["--crf", "--crf-options", "colour=0"], "colour must be between"),
    ],
)
def test_wrong_options(options, message, capsys):
    assert main(["predict", "model", "photo.jpg", *options]) == 2
    assert message in capsys.readouterr().err
