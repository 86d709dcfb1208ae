"""The experiments that papers and model zoos report, as recipes."""

from __future__ import annotations

from collections.abc import Callable

from contextseg.config import MODELS, TrainConfig
from contextseg.published import encnet

PUBLISHED: list[Callable[[], TrainConfig]] = list(encnet.RECIPES)
"""Recipes in the order in which they are listed."""

if "cpnet" in MODELS:
    from contextseg.published import cpnet

    PUBLISHED += cpnet.RECIPES
