"""`contextseg models info`: what a model is made of, by any name that it may have."""

from __future__ import annotations

import json

import pytest

from contextseg import create_model
from contextseg.cli import models
from contextseg.cli.parsing import UsageError
from contextseg.config import TrainConfig
from contextseg.config.io import read_yaml, write_yaml
from contextseg.recipes import RECIPES


def described(capsys, *words):
    assert models.main(["info", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_model_by_name_has_the_classes_of_ade20k(capsys):
    found = described(capsys, "fcn", "--backbone", "test_resnet", "--size", "64", "96")
    expected = create_model("fcn", backbone="test_resnet", num_classes=150).info((64, 96))
    assert found == json.loads(json.dumps(expected.to_dict()))


def test_a_recipe_is_counted_at_its_crop(capsys):
    found = described(capsys, "encnet_shapes", "--backbone", "test_resnet", "--classes", "7")
    assert found["size"] == [96, 96]
    assert found["num_classes"] == 7


def test_the_prior_of_a_recipe_is_made_for_its_crop(capsys, tmp_path):
    config = RECIPES["cpnet_mobilenetv2_camvid"]()
    write_yaml(tmp_path / "mine.yaml", config)
    path = str(tmp_path / "mine.yaml")
    assert isinstance(read_yaml(path, TrainConfig), TrainConfig)
    found = described(capsys, path, "--backbone", "test_resnet", "--classes", "3")
    stride = found["stages"][-1]["stride"]
    sides = [-(-side // stride) for side in config.augment.crop]
    model = create_model(config.model, backbone="test_resnet", num_classes=3, prior_grid=sides)
    assert found["parameters"] == model.info().parameters


def test_a_trained_model_is_described(capsys, model):
    found = described(capsys, str(model))
    assert (found["name"], found["num_classes"], found["size"]) == ("encnet", 8, [480, 480])
    assert found == described(capsys, str(model / "model.safetensors"))


def test_a_model_of_the_repository_has_a_short_name(capsys, model, monkeypatch):
    here = {"street": model, "animals": None}
    monkeypatch.setattr("contextseg.system.samples.shipped_model", here.get)
    assert described(capsys, "street") == described(capsys, str(model))


def test_a_classifier_has_its_own_size(capsys):
    found = described(capsys, "resnet14")
    assert (found["num_classes"], found["size"]) == (10, [32, 32])
    assert found["backbone"] is None


def test_without_json_it_is_a_table(capsys):
    assert models.main(["info", "resnet14"]) == 0
    assert "ResNet-14, 10 classes\n2.78 M parameters;" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["encnett"], "Did you mean encnet,"),
        (["model.onnx"], "exported file"),
        (["encnet", "--size", "8", "8", "--backbone", "test_resnet"], "at least 32"),
        (["encnet", "--classes", "0"], "between 1 and 255"),
        (["encnet14", "--backbone", "resnet18"], "no option backbone"),
        (["fcn", "--backbone", "resnet5"], "Similar: "),
    ],
)
def test_mistakes_are_told(words, message):
    with pytest.raises(ValueError, match=message):
        models.main(["info", *words])


def test_weights_are_not_changed(model):
    with pytest.raises(UsageError, match="has its weights"):
        models.main(["info", str(model), "--classes", "3"])
