"""The config that a training starts from: a recipe, a YAML file, or a run folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import read_mapping, read_run_config
from contextseg.recipes import ALL_RECIPES as RECIPES
from contextseg.system.suggestions import did_you_mean, folders_beside


class UnknownRecipeError(ValueError):
    """There is no recipe, YAML file or run folder of a name."""


class Start(NamedTuple):
    """A config, and where it came from."""

    config: TrainConfig | ClassifierTrainConfig
    """All options."""
    numbered: bool
    """Whether its run folder is a suggestion: if it is taken, the run gets one with a number."""


def starting_point(recipe: str | os.PathLike[str]) -> Start:
    """The config of a recipe (by name), of a YAML file, or of a run folder.

    Raises:
        UnknownRecipeError: it is none of them; the message has the nearest names.
        ValueError: the file has a mistake.
    """
    name = os.fspath(recipe)
    if name in RECIPES:
        return Start(RECIPES[name](), numbered=True)
    path = Path(name)
    if (path / "config.yaml").is_file():
        file = path / "config.yaml"
        return Start(replace(read_run_config(file), out=name), numbered=False)
    if path.is_file():
        return Start(read_run_config(path), numbered="out" not in read_mapping(path))
    known = [*RECIPES, *folders_beside(path, "config.yaml")]
    advice = did_you_mean(name, known, "contextseg recipes lists the recipes.")
    raise UnknownRecipeError(f"{name!r} is not a recipe, a YAML file or a run folder. {advice}")
