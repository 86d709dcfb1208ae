"""Temperature scaling: the fit, what it changes, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import contextseg
from contextseg.data.classes import Classes
from contextseg.evaluation import evaluate, read_scores, temperature, write_scores
from contextseg.evaluation.temperature import fitted_temperature
from contextseg.inference.predictor import Predictor
from contextseg.weights.classifiers import save_classifier
from contextseg.weights.model_file import read_config, save_model
from tests.evaluation.test_evaluation import Drawn
from tests.inference.fakes import ColourModel
from tests.metrics.test_calibration import literal_ece


def pixels_of(predictor: Predictor, data: Drawn):
    """Logits [N, L], float64, and labels [N] of all pixels, by plain interpolation."""
    logits, labels = [], []
    for index in range(len(data)):
        sample = data[index]
        height, width = sample.labels.shape
        padded = max(height, 32), max(width, 32)
        mean = torch.tensor(predictor.config.mean)[:, None, None]
        std = torch.tensor(predictor.config.std)[:, None, None]
        canvas = (255 * mean).round().expand(3, *padded).clone()
        canvas[:, :height, :width] = torch.from_numpy(sample.image).permute(2, 0, 1)
        coarse = predictor.model(((canvas / 255 - mean) / std)[None]).coarse_logits.detach()
        volume = F.interpolate(coarse.double(), padded, mode="bilinear")
        logits.append(volume[0, :, :height, :width].flatten(1).T)
        labels.append(torch.from_numpy(sample.labels).flatten())
    return torch.cat(logits), torch.cat(labels)


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(ColourModel(), Classes.numbered(5), "cpu")


@pytest.mark.parametrize("planted", [0.4, 1.0, 2.5])
def test_a_planted_temperature_is_found(planted):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(20_000, 6, generator=generator)
    labels = torch.multinomial((logits / planted).softmax(1), 1, generator=generator)[:, 0]
    found = fitted_temperature(logits, labels)
    assert found == pytest.approx(planted, rel=0.03)
    # The minimum itself: neighbours are worse, in float64.
    losses = [
        F.cross_entropy(logits.double() / t, labels).item()
        for t in (found, found * 1.001, found / 1.001)
    ]
    assert losses[0] < min(losses[1:])


def test_the_search_ends_at_its_bounds():
    logits, labels = torch.tensor([[2.0, 1.0]] * 3), torch.tensor([0, 0, 0])
    assert fitted_temperature(logits, labels) == pytest.approx(temperature.LEAST)
    assert fitted_temperature(logits, 1 - labels) == pytest.approx(temperature.MOST)
    assert fitted_temperature(torch.zeros(3, 2), labels) > 0  # every temperature is as good


@pytest.mark.parametrize("value", [1.0, 2.0])
def test_an_evaluation_counts_what_the_formula_says(predictor, value, tmp_path):
    data = Drawn()
    predictor.config = replace(predictor.config, temperature=value)
    scores = evaluate(predictor, data, calibration=True)
    logits, labels = pixels_of(predictor, data)
    confidence, predicted = (logits / value).softmax(1).max(1)
    # A pixel at the edge of an interval may be counted in the next.
    assert scores.calibration.ece == pytest.approx(
        literal_ece(predicted, confidence, labels), abs=2e-3
    )
    valid = labels != 255
    assert scores.calibration.confidence == pytest.approx(confidence[valid].mean().item(), abs=1e-5)
    assert scores.calibration.accuracy == scores.pixel_accuracy
    assert torch.equal(scores.confusion, evaluate(predictor, data).confusion)
    write_scores(tmp_path / "scores.json", scores, data.classes.names)
    assert torch.equal(
        read_scores(tmp_path / "scores.json").calibration.counts, scores.calibration.counts
    )


def test_calibration_over_scales_and_by_protocols(predictor):
    data = Drawn(sizes=((40, 50),))
    protocol = contextseg.config.ProtocolConfig(
        base_size=48, crop=32, scales=(1.0, 1.5), style="cpnet"
    )
    for views in ({"scales": (0.75, 1.0), "flip": True}, {"window": 32}, {"protocol": protocol}):
        scores = evaluate(predictor, data, calibration=True, **views)
        assert torch.equal(scores.confusion, evaluate(predictor, data, **views).confusion)
        assert scores.calibration.accuracy == scores.pixel_accuracy
    with pytest.raises(ValueError, match="exp_sum are no probabilities"):
        evaluate(predictor, data, calibration=True, protocol=replace(protocol, scores="exp_sum"))


def test_calibrating_finds_the_minimum_over_all_pixels(predictor):
    data = Drawn()
    fit = contextseg.calibrate(predictor, data)
    logits, labels = pixels_of(predictor, data)
    valid = labels != 255
    expected = fitted_temperature(logits[valid], labels[valid].long())
    assert fit.temperature == pytest.approx(expected, rel=1e-4)  # PIXELS exceeds them all
    assert abs(fit.temperature - 1) > 0.1
    assert fit.nll[1] < fit.nll[0]
    assert predictor.config.temperature == fit.temperature
    assert not fit.held_out
    again = contextseg.calibrate(Predictor(ColourModel(), Classes.numbered(5), "cpu"), data)
    assert again.temperature == fit.temperature
    scores = evaluate(predictor, data, calibration=True)
    assert scores.calibration.ece == pytest.approx(fit.after.ece, abs=2e-3)


def test_a_sample_of_the_pixels_is_near_all_of_them(predictor, monkeypatch):
    whole = contextseg.calibrate(predictor, Drawn()).temperature
    monkeypatch.setattr(temperature, "PIXELS", 4000)
    assert contextseg.calibrate(predictor, Drawn()).temperature == pytest.approx(whole, rel=0.1)


def test_the_file_gets_the_temperature_and_keeps_the_rest(tmp_path):
    model = contextseg.create_model("encnet", backbone="test_resnet", num_classes=5,
                                    head_channels=8, aux_channels=8)  # fmt: skip
    file = tmp_path / "model.safetensors"
    save_model(file, model, Classes.numbered(5))
    data, held_out = Drawn(), Drawn(sizes=((36, 44),))
    before, labels = load_file(file), contextseg.load(file, device="cpu")(data[0].image).mask
    dry = contextseg.calibrate(file, data, held_out=held_out, device="cpu", write=False)
    assert read_config(file).temperature == 1
    fit = contextseg.calibrate(file, data, held_out=held_out, device="cpu")
    assert fit.temperature == dry.temperature != 1
    assert fit.held_out
    assert int(fit.after.counts[0].sum()) == (held_out[0].labels != 255).sum()
    config = read_config(file)
    assert config == replace(model.config, temperature=fit.temperature, pretrained=False)
    after = load_file(file)
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert after[name].numpy().tobytes() == tensor.numpy().tobytes(), name
    predictor = contextseg.load(file, device="cpu")
    assert predictor.classes == Classes.numbered(5)
    assert np.array_equal(predictor(data[0].image).mask, labels)


class Void(Drawn):
    """Images of which no pixel has a label."""

    def __getitem__(self, index: int):
        sample = super().__getitem__(index)
        return sample._replace(labels=np.full_like(sample.labels, 255))


def test_what_cannot_be_calibrated_says_so(predictor, tmp_path):
    with pytest.raises(ValueError, match="no pixel of the split val has a label"):
        contextseg.calibrate(predictor, Void())
    with pytest.raises(ValueError, match="limit must be at least 1, got 0"):
        contextseg.calibrate(predictor, Drawn(), limit=0)
    with pytest.raises(ValueError, match="hf:owner/name is on the Hub"):
        contextseg.calibrate("hf:owner/name", Drawn())
    file = tmp_path / "model.safetensors"
    save_classifier(file, contextseg.create_model("resnet14", num_classes=5), Classes.numbered(5))
    with pytest.raises(ValueError, match="is a classifier"):
        contextseg.calibrate(file, Drawn())
    with pytest.raises(ValueError, match="calibration and on_prediction are for segmentation"):
        evaluate(file, Drawn(), calibration=True)
