"""Networks are normalised as their backbone was made for, unless something else is asked for."""

from __future__ import annotations

import dataclasses

import pytest
import timm
import torch

import contextseg
from contextseg.config import IMAGENET_MEAN, IMAGENET_STD, ModelConfig
from contextseg.config.classification import CIFAR_MEAN, CIFAR_STD
from contextseg.data.classes import Classes
from contextseg.models.normalisation import with_normalisation
from contextseg.recipes import ALL_RECIPES
from contextseg.weights import load_model, save_model

HALF = (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("backbone", "mean", "std"),
    [
        ("tf_efficientnet_lite2", HALF, HALF),
        ("resnet50c", IMAGENET_MEAN, IMAGENET_STD),
        ("resnet18", IMAGENET_MEAN, IMAGENET_STD),
    ],
)
def test_follows_the_backbone_whose_weights_are_random(backbone, mean, std):
    with torch.device("meta"):
        model = contextseg.create_model("fcn", backbone=backbone, num_classes=2)
        textures = contextseg.create_model("deepten", backbone=backbone, num_classes=2)
    for config in (model.config, textures.config):
        assert (config.mean, config.std) == (mean, std)
        assert config.normalisation == (mean, std)


def test_what_is_set_stays_and_the_other_follows():
    config = with_normalisation(ModelConfig(backbone="test_resnet", mean=(0.1, 0.2, 0.3)))
    assert (config.mean, config.std) == ((0.1, 0.2, 0.3), HALF)
    own = contextseg.create_model("encnet14", num_classes=2)  # none of timm's
    assert own.config.normalisation == (IMAGENET_MEAN, IMAGENET_STD)


def test_a_file_says_what_its_model_was_trained_with(tmp_path):
    model = contextseg.create_model(
        "fcn", backbone="test_resnet", num_classes=2, mean=IMAGENET_MEAN, std=IMAGENET_STD
    )  # as files of before do, whatever the backbone
    save_model(tmp_path / "old.safetensors", model, Classes.numbered(2))
    assert load_model(tmp_path / "old.safetensors")[0].config == model.config
    new = contextseg.create_model("fcn", backbone="test_resnet", num_classes=2)
    save_model(tmp_path / "new.safetensors", new, Classes.numbered(2))
    predictor = contextseg.load(tmp_path / "new.safetensors", device="cpu")
    assert predictor.config.normalisation == (HALF, HALF)


def test_recipes_keep_the_normalisation_they_have_always_had():
    for name, recipe in ALL_RECIPES.items():
        config = with_normalisation(recipe().model)
        cifar = "cifar10" in name
        expected = (CIFAR_MEAN, CIFAR_STD) if cifar else (IMAGENET_MEAN, IMAGENET_STD)
        assert config.normalisation == expected, name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_size": (1, 64, 64)}, "resnet18 takes images of 1 channels, not red, green and"),
        ({"mean": (0.5,), "std": (0.5,)}, r"with mean \(0.5,\) .*, which is not RGB in 0 to 1"),
        ({"mean": (123.7, 116.3, 103.5)}, r"with mean \(123.7, .*Set mean and std to what"),
    ],
)
def test_backbones_for_other_images_are_refused(change, message, monkeypatch):
    cfg = dataclasses.replace(timm.get_pretrained_cfg("resnet18"), **change)
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda name: cfg)
    with pytest.raises(ValueError, match=message):
        contextseg.create_model("fcn", backbone="resnet18", num_classes=2)


def test_backbones_for_images_of_one_size_are_refused():
    with pytest.raises(ValueError, match="coat_tiny takes images of one size only"):
        contextseg.create_model("fcn", backbone="coat_tiny", num_classes=2)
    options = {"backbone": "vit_tiny_patch16_224", "small_images": False, "num_classes": 2}
    with pytest.raises(ValueError, match="gives no feature map of images of 64 x 64 pixels; it is"):
        contextseg.create_model("timm", size=64, **options)
    with pytest.raises(ValueError, match="gives no feature map of images of 224 x 224"):
        contextseg.create_model("timm", size=224, **options)
