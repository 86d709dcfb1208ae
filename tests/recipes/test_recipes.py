"""Recipes are whole, distinct runs with a line that says what they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from contextseg import create_model
from contextseg.config import IMAGENET_MEAN, IMAGENET_STD, MODELS, TrainConfig
from contextseg.recipes import RECIPES, own_data


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_config_with_a_sentence(name):
    recipe = RECIPES[name]
    assert isinstance(recipe(), TrainConfig)
    assert recipe.__name__ == name
    first = (recipe.__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert len(first) <= 90


def test_recipes_write_to_folders_of_their_own():
    folders = [recipe().out for recipe in RECIPES.values()]
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize("name", MODELS)
def test_recipes_of_one_data_set_differ_in_their_context_alone(name):
    encnet = RECIPES["encnet_mobilenetv2_camvid"]()
    recipe = RECIPES[f"{name}_mobilenetv2_camvid"]()
    own = {"variant": "reference"} if name == "encnet" else {}  # of the published results
    assert recipe.model.context == MODELS[name](**own)
    assert recipe.out == f"runs/{name}_mobilenetv2_camvid"
    assert replace(recipe, model=encnet.model, out=encnet.out) == encnet
    assert replace(recipe.model, context=encnet.model.context) == encnet.model


@pytest.mark.parametrize("name", ["demo", "encnet_shapes"])
def test_what_runs_out_of_the_box_fetches_no_weights(name):
    assert RECIPES[name]().model.pretrained is False


@pytest.mark.parametrize("backbone", own_data.BACKBONES)
@pytest.mark.parametrize("name", MODELS)
def test_own_data_has_every_model_on_every_backbone(name, backbone):
    recipe = RECIPES[f"{name}_{backbone}"]()
    camvid = RECIPES[f"{name}_mobilenetv2_camvid"]()
    assert recipe.model.context == camvid.model.context
    assert recipe.model.pretrained is True
    assert recipe.out == f"runs/{name}_{backbone}"
    assert recipe.data.root == ""
    sizes = (recipe.augment.crop, recipe.batch_size, recipe.epochs, recipe.val_every)
    assert {*sizes, recipe.optim.lr} == {"auto"}
    settled = replace(
        recipe,
        model=camvid.model,
        augment=replace(recipe.augment, crop=camvid.augment.crop),
        optim=replace(recipe.optim, lr=camvid.optim.lr),
        batch_size=camvid.batch_size,
        epochs=camvid.epochs,
        val_every=camvid.val_every,
        out=camvid.out,
    )
    assert settled == camvid


@pytest.mark.parametrize("backbone", own_data.BACKBONES)
def test_backbones_for_own_data_are_normalised_as_timm_says(backbone):
    model = replace(RECIPES[f"fcn_{backbone}"]().model, pretrained=False, num_classes=3)
    with torch.device("meta"):
        built = create_model(model)
    half = (0.5, 0.5, 0.5)
    lite = backbone.startswith("efficientnet_lite")
    expected = (half, half) if lite else (IMAGENET_MEAN, IMAGENET_STD)
    assert (built.config.mean, built.config.std) == expected
    assert built.backbone.stride == 16
