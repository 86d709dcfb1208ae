"""The repr of options: Python that makes them again, without what the defaults say."""

from __future__ import annotations

import pytest

from contextseg import config as options
from contextseg.config import ClassifierTrainConfig, ModelConfig, OptimConfig, TrainConfig
from contextseg.recipes import ALL_RECIPES


@pytest.mark.parametrize("recipe", ALL_RECIPES)
def test_a_recipe_is_short_and_makes_itself_again(recipe):
    config = ALL_RECIPES[recipe]()
    text = repr(config)
    assert eval(text, vars(options).copy()) == config
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) <= 120


def test_defaults_are_left_out():
    assert repr(TrainConfig()) == "TrainConfig()"
    assert repr(ClassifierTrainConfig()) == "ClassifierTrainConfig()"
    assert repr(ModelConfig(num_classes=3)) == "ModelConfig(num_classes=3)"
    config = TrainConfig(epochs=3, optim=OptimConfig(lr=0.5))
    assert repr(config) == "TrainConfig(optim=OptimConfig(lr=0.5), epochs=3)"
