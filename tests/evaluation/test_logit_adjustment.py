"""Logit adjustment: what it adds, what it chooses, and what it refuses."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import contextseg
from contextseg.data.classes import Classes
from contextseg.data.sample import Sample
from contextseg.evaluation.logit_adjustment import LEAST, adjust_logits, class_frequencies
from contextseg.weights.model_file import FILE_NAME, read_config, save_model

MODELS = ("fcn", "encnet", "pspnet", "deeplabv2", "dilatednet", "refinenet")


class Bands:
    """Images whose labels have given shares of 100 columns."""

    classes = Classes.numbered(3)
    split = "val"

    def __init__(self, *columns: int) -> None:
        labels = np.repeat(np.arange(4, dtype=np.uint8), [*columns, 100 - sum(columns)])
        labels[labels == 3] = 255
        self.labels = np.tile(labels, (40, 1))

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Sample:
        image = np.random.default_rng(index).integers(0, 256, (*self.labels.shape, 3), np.uint8)
        return Sample(image, self.labels, str(index))


def predictor_of(name: str = "fcn"):
    torch.manual_seed(0)
    network = contextseg.create_model(
        name, backbone="mobilenetv2_035", num_classes=3, head_channels=8, pretrained=False
    )
    return contextseg.Predictor(network.eval(), Bands.classes, "cpu")


def test_frequencies_are_of_valid_pixels_and_never_zero():
    found = class_frequencies(Bands(60, 20, 0))
    assert found.tolist() == pytest.approx([0.75, 0.25, LEAST])
    with pytest.raises(ValueError, match="no pixel of the split val has a label"):
        class_frequencies(Bands(0, 0, 0))


@pytest.mark.parametrize("name", MODELS)
def test_logits_shift_by_the_logarithm_of_frequencies(name):
    predictor, data = predictor_of(name), Bands(60, 20, 20)
    image = torch.randn(1, 3, 96, 128)
    with torch.no_grad():
        before = predictor.model(image).coarse_logits
    found = adjust_logits(predictor, data, train=data, power=0.5)
    logs = torch.tensor([0.6, 0.2, 0.2]).log()
    expected = 0.5 * (logs - logs.mean())
    assert found.offsets == pytest.approx(expected.tolist(), abs=1e-6)
    with torch.no_grad():
        after = predictor.model(image).coarse_logits
    wanted = expected[:, None, None].expand_as(after)
    torch.testing.assert_close(after - before, wanted, atol=1e-5, rtol=0)


def test_the_best_power_is_chosen_and_its_scores_are_those_of_the_changed_model():
    predictor, data = predictor_of(), Bands(90, 8, 2)
    found = adjust_logits(predictor, data, train=data)
    best = max(scores[0] for scores in found.scores.values())
    assert found.scores[found.power][0] == best
    scores = contextseg.evaluate(predictor, data)
    assert (scores.mean_iou, scores.pixel_accuracy) == pytest.approx(
        found.scores[found.power], abs=2e-3
    )
    again = adjust_logits(predictor, data, train=data, power=0.0)
    assert set(again.offsets) == {0.0}


def test_only_the_bias_of_the_file_changes(tmp_path):
    predictor, data = predictor_of("encnet"), Bands(60, 20, 20)
    save_model(tmp_path / FILE_NAME, predictor.model, predictor.classes, half=True)
    kept = tmp_path / "kept.safetensors"
    shutil.copy(tmp_path / FILE_NAME, kept)
    found = adjust_logits(tmp_path, data, train=data, power=-0.3, write=False)
    assert (tmp_path / FILE_NAME).read_bytes() == kept.read_bytes()
    found = adjust_logits(tmp_path, data, train=data, power=-0.3)
    before, after = load_file(kept), load_file(tmp_path / FILE_NAME)
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed == ["head.1.bias"]
    assert (after["head.1.bias"] - before["head.1.bias"]).tolist() == pytest.approx(
        found.offsets, abs=1e-6
    )
    assert read_config(tmp_path) == read_config(kept)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"power": 3.0}, "power must be from -2 to 2, got 3.0"),
        ({"power": float("nan")}, "power must be from -2 to 2, got nan"),
        ({"limit": 0}, "limit must be at least 1, got 0"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        adjust_logits(predictor_of(), Bands(60, 20, 20), train=Bands(60, 20, 20), **options)


def test_a_network_that_ends_with_a_crf_is_refused():
    predictor = predictor_of()
    predictor.model.crf = torch.nn.Identity()
    with pytest.raises(ValueError, match="ends with a CRF layer"):
        adjust_logits(predictor, Bands(60, 20, 20), train=Bands(60, 20, 20))
