"""Recipes are whole, distinct runs with a line that says what they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contextseg.config import MODELS, TrainConfig
from contextseg.recipes import RECIPES


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
