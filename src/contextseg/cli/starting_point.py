"""The config that a command starts from: a recipe, a YAML file, or a run folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from contextseg.cli.parsing import UsageError
from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import read_mapping, read_yaml
from contextseg.recipes import ALL_RECIPES as RECIPES
from contextseg.system.suggestions import did_you_mean


def starting_point(recipe: str) -> TrainConfig | ClassifierTrainConfig:
    """The config of a recipe (by name), of a YAML file, or of a run folder.

    Raises:
        UsageError: it is none of them.
        ValueError: the file has a mistake.
    """
    if recipe in RECIPES:
        return RECIPES[recipe]()
    path = Path(recipe)
    if (path / "config.yaml").is_file():
        return replace(_read(path / "config.yaml"), out=recipe)
    if path.is_file():
        return _read(path)
    advice = did_you_mean(recipe, RECIPES, "contextseg train --list shows the recipes.")
    raise UsageError(f"{recipe!r} is not a recipe, a YAML file or a run folder. {advice}")


def _read(path: Path) -> TrainConfig | ClassifierTrainConfig:
    """The config in a file: that of a classifier if its model has a network."""
    values = read_mapping(path)
    model = values.get("model")
    kind = ClassifierTrainConfig if isinstance(model, dict) and "network" in model else TrainConfig
    return read_yaml(path, kind)
