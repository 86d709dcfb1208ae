"""Complete training runs by name: functions that return a config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.recipes import camvid, cpnet_paper, encnet_paper, modern, own_data, small
from contextseg.recipes.classification import CLASSIFIER_RECIPES

PUBLISHED: tuple[Callable[[], TrainConfig], ...] = (*encnet_paper.RECIPES, *cpnet_paper.RECIPES)
"""Experiments reported by papers and model zoos."""

RECIPES: dict[str, Callable[[], TrainConfig]] = {
    recipe.__name__: recipe
    for recipe in (
        *own_data.RECIPES,
        camvid.encnet_mobilenetv2_camvid,
        camvid.encnet_mobilenetv2_camvid_enlarged,
        camvid.encnet_efficientnet_lite0_camvid,
        camvid.encnet_efficientnet_lite0_animals,
        camvid.encnet_resnet50_camvid,
        camvid.fcn_mobilenetv2_camvid,
        camvid.pspnet_mobilenetv2_camvid,
        camvid.deeplabv3_mobilenetv2_camvid,
        camvid.cpnet_mobilenetv2_camvid,
        camvid.deeplabv2_mobilenetv2_camvid,
        camvid.dilatednet_mobilenetv2_camvid,
        camvid.refinenet_mobilenetv2_camvid,
        camvid.deconvnet_mobilenetv2_camvid,
        small.encnet_shapes,
        small.demo,
        *PUBLISHED,
        *modern.RECIPES,
    )
}
"""Segmentation recipes by the name that `contextseg train` accepts."""

ALL_RECIPES: dict[str, Callable[[], TrainConfig] | Callable[[], ClassifierTrainConfig]] = {
    **RECIPES,
    **CLASSIFIER_RECIPES,
}
"""All recipes, of both tasks, by name."""


def __getattr__(name: str) -> Any:
    """A recipe by its name: `from contextseg.recipes import encnet_shapes`."""
    if name in ALL_RECIPES:
        return ALL_RECIPES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
