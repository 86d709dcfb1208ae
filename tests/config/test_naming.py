"""Options by keyword: short, full and nested names, and what is said of wrong ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contextseg.config import (
    ContextPriorConfig,
    DataConfig,
    FCNConfig,
    ModelConfig,
    OptimConfig,
    TrainConfig,
)
from contextseg.config.naming import ALIASES, UnknownOptionError, short_names, with_options
from contextseg.config.networks import ResNet14Config
from contextseg.recipes import ALL_RECIPES, RECIPES

RUN = TrainConfig()
CLASSIFIER = ALL_RECIPES["encnet14_cifar10"]()


def test_short_names_are_those_that_no_other_option_has():
    short = short_names(RUN)
    assert short["lr"] == "optim.lr"
    assert short["crop"] == "augment.crop"  # protocol.crop has its full name only
    assert short["backbone"] == "model.backbone"
    assert short["variant"] == "model.context.variant"
    assert "name" not in short  # of the optimiser, and of the context module
    assert "scales" not in short
    assert "epochs" not in short  # is a full name
    assert short.keys() >= ALIASES.keys()


@pytest.mark.parametrize("name", ALL_RECIPES)
def test_every_recipe_has_the_usual_short_names(name):
    assert {"lr", "batch", "momentum", "workers", "val_split"} <= short_names(
        ALL_RECIPES[name]()
    ).keys()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"epochs": 3}, replace(RUN, epochs=3)),
        ({"batch": 4, "lr": 1}, replace(RUN, batch_size=4, optim=OptimConfig(lr=1.0))),
        ({"optim__lr": 0.5}, replace(RUN, optim=OptimConfig(lr=0.5))),
        ({"optim.lr": 0.5}, replace(RUN, optim=OptimConfig(lr=0.5))),
        ({"optim": {"lr": 0.5}}, replace(RUN, optim=OptimConfig(lr=0.5))),
        ({"optim": OptimConfig(name="adamw")}, replace(RUN, optim=OptimConfig(name="adamw"))),
        ({"optimizer": "adamw"}, replace(RUN, optim=OptimConfig(name="adamw"))),
        ({"data": Path("a")}, replace(RUN, data=DataConfig(root="a"))),
        ({"data": {"root": "a"}, "workers": 0}, replace(RUN, data=DataConfig(root="a", workers=0))),
        ({"data": DataConfig(root="a")}, replace(RUN, data=DataConfig(root="a"))),
        ({"out": Path("a")}, replace(RUN, out="a")),
        ({"model": "fcn"}, replace(RUN, model=ModelConfig(context=FCNConfig()))),
        (
            {"kernel_size": 3, "model": "cpnet"},  # in any order
            replace(RUN, model=ModelConfig(context=ContextPriorConfig(kernel_size=3))),
        ),
        (
            {"model": {"context": {"name": "fcn", "num_convs": 2}}, "backbone": "resnet18"},
            replace(RUN, model=ModelConfig(context=FCNConfig(num_convs=2), backbone="resnet18")),
        ),
        (
            {"model__context__name": "fcn", "context__num_convs": 2},
            replace(RUN, model=ModelConfig(context=FCNConfig(num_convs=2))),
        ),
        ({"crop": 64}, replace(RUN, augment=replace(RUN.augment, crop=(64, 64)))),
        ({"crop": [64, 96]}, replace(RUN, augment=replace(RUN.augment, crop=(64, 96)))),
        ({"crop": "auto"}, replace(RUN, augment=replace(RUN.augment, crop="auto"))),
        ({}, RUN),
    ],
)
def test_options_in_every_form(options, expected):
    assert with_options(RUN, options) == expected


def test_options_of_a_classifier():
    config = with_options(CLASSIFIER, {"model": "resnet14", "width": 8, "size": 24})
    assert config.model.network == ResNet14Config(width=8)
    assert config.model.size == 24


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epoch": 3}, r"^epoch is not an option\. Did you mean epochs"),
        ({"optim__learning": 3}, r"^optim__learning is not an option\. Did you mean optim__"),
        ({"optim": {"lrr": 3}}, r"^optim\.lrr is not an option\. Did you mean optim\.lr\?"),
        ({"name": "sgd"}, r"^name is not .* Did you mean model__context__name, optim__name\?$"),
        ({"scales": [1]}, r"^scales is not an option\. Did you mean protocol__scales\?$"),
        ({"qqqqqqqq": 3}, r"^qqqqqqqq is not an option\. See docs/configuration\.md"),
        (
            {"kernel_size": 3},
            r"^kernel_size is an option of cpnet, but the model is encnet\.",
        ),
        ({"model": "unet"}, r"^model\.context\.name must be one of cpnet, .*got 'unet'"),
        ({"epochs": "soon"}, r"^epochs must be a whole number or 'auto', got 'soon'\.$"),
        ({"lr": "fast"}, r"^lr \(optim\.lr\) must be a number or 'auto', got 'fast'\.$"),
        ({"crop": 8}, r"^crop \(augment\.crop\) must be between 32"),
        ({"batch": 4, "batch_size": 4}, r"^batch and batch_size are the same option, batch_size"),
        ({"lr": 1, "optim": {"lr": 1}}, r"^lr and optim__lr are the same option, optim\.lr\."),
        ({"optim": 3}, r"^optim must map options to values, got 3"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_nearest_names(options, message):
    with pytest.raises(ValueError, match=message) as error:
        with_options(RUN, options)
    assert "\n" not in str(error.value)


def test_an_unknown_name_has_an_error_of_its_own():
    with pytest.raises(UnknownOptionError):
        with_options(RECIPES["demo"](), {"epoch": 3})
