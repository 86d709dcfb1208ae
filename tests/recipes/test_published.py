"""Published recipes are the networks of the papers, and run on data as they are downloaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from contextseg import create_model, evaluate, train
from contextseg.config import TrainConfig
from contextseg.data import open_dataset
from contextseg.data.vocabularies import vocabulary
from contextseg.inference.load import load
from contextseg.recipes import PUBLISHED, RECIPES, modern
from tests.data import native

PARAMETERS = {
    # As counted in the authors' code.
    "encnet_resnet50_ade20k": 36_164_578,
    "encnet_resnet101_ade20k": 55_156_706,
    "encnet_resnet50_pascal_context": 43_915_217,
    "encnet_resnet101_pascal_context": 62_907_345,
    "fcn_resnet50_ade20k": 35_545_324,
    # As counted here.
    "fcn_resnet50_pascal_context": 35_475_254,  # 33,100,283 there, and 2,374,971 auxiliary ones
    "encnet_resnet50_vocaug": 43_866_463,
    "encnet_resnet101_vocaug": 62_858_591,
    "encnet_resnet50_voc": 43_866_463,
    "encnet_resnet101_voc": 62_858_591,
    "encnet_resnet50_cityscapes": 35_996_505,
    "encnet_resnet101_cityscapes": 54_988_633,
    "cpnet_resnet50_ade20k": 51_999_916,  # 26,074,294 of them context and head, as the authors' are
    "cpnet_resnet101_ade20k": 70_992_044,
    "cpnet_resnet50_pascal_context": 52_184_790,
    "cpnet_resnet101_pascal_context": 71_176_918,
    "cpnet_resnet50_cityscapes": 54_785_670,
    "cpnet_resnet101_cityscapes": 73_777_798,
}
WRITERS = {
    "ade20k": native.write_ade20k,
    "pascal_context_59": native.write_context_json,
    "voc2012": native.write_voc,
    "cityscapes": native.write_cityscapes,
}
LENGTHS = {"ade20k": 20210, "pascal_context_59": 4998, "voc2012": 10582, "cityscapes": 2975}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name):
    config = RECIPES[name]()
    num_classes = vocabulary(config.data.layout).num_classes
    with torch.device("meta"):
        model = create_model(replace(config.model, pretrained=False, num_classes=num_classes))
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("recipe", PUBLISHED, ids=lambda recipe: recipe.__name__)
def test_a_docstring_says_number_source_and_command(recipe):
    name, text = recipe.__name__, recipe.__doc__
    assert f"contextseg train {name} --data " in text
    first = text.splitlines()[0]
    assert "mIoU" in first or "no number is published" in text.lower()
    config = recipe()
    assert config.protocol.crop == config.augment.crop[0]
    assert config.protocol.style == ("cpnet" if name.startswith("cpnet") else "encnet")
    assert name in RECIPES
    if config.model.name == "cpnet":
        assert config.model.context.prior_grid == (config.protocol.crop // 8,) * 2


def run(config: TrainConfig, data: Path, out: Path, backbone: str | None, crop: int) -> None:
    """Two steps of two images, a validation, and an evaluation by the recipe's protocol."""
    model = replace(config.model, pretrained=False)
    if backbone is not None:
        model = replace(
            model, backbone=backbone, head_channels=16, aux_channels=8,
            output_stride=None if model.decoder == "jpu" else 16,
        )  # fmt: skip
    if config.model.name == "cpnet":
        grid = crop // (model.output_stride or 8)
        model = replace(model, context=replace(model.context, prior_grid=(grid, grid)))
    config = replace(
        config,
        model=model,
        data=replace(config.data, root=str(data), train_split="train", workers=0),
        augment=replace(config.augment, crop=(crop, crop), base_size=2 * crop),
        out=str(out),
        epochs=2,
        batch_size=2,
        device="cpu",
    )
    images = len(open_dataset(str(data), "train", config.data.layout))
    result = train(config, progress=False)
    assert result.steps == 2 * (images // 2)
    assert result.scores is not None
    sides = {"short_side": crop, "stride": crop // 2} if config.protocol.style == "mmseg" else {}
    protocol = replace(config.protocol, base_size=crop, crop=crop, scales=(0.75, 1.5), **sides)
    val = open_dataset(str(data), "val", config.data.layout)
    scores = evaluate(load(out, device="cpu"), val, protocol=protocol, limit=1)
    assert 0 <= scores.pixel_accuracy <= 1


ONE_A_LAYOUT = (
    "encnet_dinov3_vits_ade20k",
    "encnet_convnext_small_pascal_context",
    "encnet_resnet50_ade20k",
    "encnet_resnet50_pascal_context",
    "encnet_resnet50_voc",
    "encnet_resnet50_cityscapes",
    "cpnet_resnet50_ade20k",
)


@pytest.mark.parametrize("name", ONE_A_LAYOUT)
def test_a_recipe_trains_and_is_scored_on_a_small_backbone(name, tmp_path):
    config = RECIPES[name]()
    WRITERS[config.data.layout](tmp_path / "data", 2)
    small = "test_vit" if "vits" in name else "test_resnet"
    run(config, tmp_path / "data", tmp_path / "run", small, 64)


@pytest.mark.slow
@pytest.mark.minutes
@pytest.mark.parametrize("recipe", PUBLISHED, ids=lambda recipe: recipe.__name__)
def test_a_recipe_trains_and_is_scored_as_it_is(recipe, tmp_path):
    config = recipe()
    WRITERS[config.data.layout](tmp_path / "data", 2)
    run(config, tmp_path / "data", tmp_path / "run", None, 64)


MODERN_PARAMETERS = {"dinov3_vits": 21_586_944, "convnext_small": 49_453_152}


@pytest.mark.parametrize("recipe", modern.RECIPES, ids=lambda recipe: recipe.__name__)
def test_recipes_on_backbones_of_today_build_and_say_that_no_number_is_published(recipe):
    name, config = recipe.__name__, recipe()
    assert f"contextseg train {name} --data " in recipe.__doc__
    assert "no number is published" in recipe.__doc__
    assert "Not yet trained by us." in recipe.__doc__
    assert RECIPES[name] is recipe
    assert config.out == f"runs/{name}"
    assert config.protocol.crop == config.augment.crop[0]
    num_classes = vocabulary(config.data.layout).num_classes
    with torch.device("meta"):
        model = create_model(replace(config.model, pretrained=False, num_classes=num_classes))
    assert model.backbone.strides[1:] == (8, 16, 32)
    assert all(parameter.requires_grad for parameter in model.backbone.parameters())
    count = sum(parameter.numel() for parameter in model.backbone.model.parameters())
    assert count == next(n for kind, n in MODERN_PARAMETERS.items() if kind in name)
