"""Networks are normalised as their backbone was made for, unless something else is asked for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import timm
import torch

import contextseg
from contextseg.config import IMAGENET_MEAN, IMAGENET_STD, ModelConfig
from contextseg.config.classification import CIFAR_MEAN, CIFAR_STD, ClassifierConfig
from contextseg.data.classes import Classes
from contextseg.engines.info import ExportInfo
from contextseg.inference.preprocess import network_input
from contextseg.inference.views.plan import plan
from contextseg.interop.export.images import normalised
from contextseg.models.normalisation import with_normalisation
from contextseg.recipes import ALL_RECIPES
from contextseg.weights import load_model, save_model
from contextseg.weights.classifiers import load_classifier, save_classifier
from tests.inference.fakes import draw_image

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
        if "efficientnet_lite" in name:  # new, with those of its backbone
            continue
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


@pytest.mark.slow
def test_backbones_for_images_of_one_size_are_refused():
    with pytest.raises(ValueError, match="coat_tiny takes images of one size only"):
        contextseg.create_model("fcn", backbone="coat_tiny", num_classes=2)
    options = {"backbone": "vit_tiny_patch16_224", "small_images": False, "num_classes": 2}
    with pytest.raises(ValueError, match="gives no feature map of images of 64 x 64 pixels; it is"):
        contextseg.create_model("timm", size=64, **options)
    with pytest.raises(ValueError, match="gives no feature map of images of 224 x 224"):
        contextseg.create_model("timm", size=224, **options)


CLIP = (0.48145466, 0.4578275, 0.40821073)


def test_a_tag_names_the_weights_and_their_normalisation():
    assert with_normalisation(ModelConfig(backbone="convnext_base")).mean == IMAGENET_MEAN
    tagged = with_normalisation(ModelConfig(backbone="convnext_base.clip_laion2b"))
    assert tagged.mean == CLIP
    with pytest.raises(ValueError, match=r"no weights 'clip' of convnext_base. It has .*clip_laio"):
        with_normalisation(ModelConfig(backbone="convnext_base.clip"))


@pytest.mark.parametrize("kind", [ModelConfig, ClassifierConfig])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mean": (123.675, 116.28, 103.53)}, r"mean must be between 0 and 1 .*by 255"),
        ({"std": (58.395, 57.12, 57.375)}, r"std must be between 0 and 1 .*by 255"),
        ({"mean": (0.5, float("nan"), 0.5)}, "mean must be between 0 and 1"),
        ({"std": (0.5, 0.0, 0.5)}, "std must be above 0"),
    ],
)
def test_values_on_another_scale_are_refused(kind, values, message):
    with pytest.raises(ValueError, match=message):
        kind(**values)


@pytest.mark.parametrize("network", ["timm", "deepten"])
def test_a_classifiers_file_says_what_it_was_trained_with(network, tmp_path):
    options = {"backbone": "test_resnet", "num_classes": 3, "size": 32}
    model = contextseg.create_model(network, **options)
    save_classifier(tmp_path / "new.safetensors", model, Classes.numbered(3))
    assert load_classifier(tmp_path / "new.safetensors")[0].config.normalisation == (HALF, HALF)
    predictor = contextseg.load(tmp_path / "new.safetensors", device="cpu", task="classification")
    image = torch.from_numpy(draw_image(32, 32)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = model.eval()((image / 255 - 0.5) / 0.5)
    torch.testing.assert_close(predictor.logits(image), expected, rtol=1e-4, atol=1e-4)
    old = contextseg.create_model(network, **options, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    save_classifier(tmp_path / "old.safetensors", old, Classes.numbered(3))
    kept = load_classifier(tmp_path / "old.safetensors")[0].config.normalisation
    assert kept == (IMAGENET_MEAN, IMAGENET_STD)


def test_an_export_says_it_and_is_used_with_it():
    with torch.device("meta"):
        model = contextseg.create_model("fcn", backbone="test_resnet", num_classes=3)
    written = ExportInfo(
        config=model.config, classes=Classes.numbered(3), output="logits", precision="fp32"
    ).to_metadata()
    assert (written["mean"], written["std"]) == ("[0.5, 0.5, 0.5]",) * 2
    read = ExportInfo.from_metadata(written, "model.onnx")
    assert read.config.normalisation == (HALF, HALF)
    # What the engine is given, and what the export is verified with.
    canvas = torch.full((1, 3, 64, 64), 51, dtype=torch.uint8)
    (tiles,) = plan((64, 64))
    assert network_input(canvas, tiles.views, read.config).unique().item() == pytest.approx(-0.6)
    image = np.full((64, 64, 3), 51, np.uint8)
    assert normalised(image, read.config).unique().item() == pytest.approx(-0.6)
