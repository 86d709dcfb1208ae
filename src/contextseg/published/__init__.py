"""The experiments that papers and model zoos report, as recipes."""

from __future__ import annotations

from collections.abc import Callable

from contextseg.config import TrainConfig
from contextseg.published import cpnet, encnet

PUBLISHED: tuple[Callable[[], TrainConfig], ...] = (*encnet.RECIPES, *cpnet.RECIPES)
"""Recipes in the order in which they are listed."""
