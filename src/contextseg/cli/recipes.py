"""`contextseg recipes`: list the recipes, without what is slower to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from contextseg.cli.parsing import CommandParser
from contextseg.config import TrainConfig
from contextseg.recipes import ALL_RECIPES

if TYPE_CHECKING:
    from contextseg.config.classification import ClassifierTrainConfig


EXAMPLE = """
contextseg recipes
contextseg train encnet_mobilenetv2 --data my_images
"""
COLUMNS = ("recipe", "data", "crop", "epochs", "batch", "lr", "description")


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    CommandParser("recipes", "List the recipes: complete trainings by name.", EXAMPLE).parse_args(
        list(argv)
    )
    print_recipes(ALL_RECIPES)
    return 0


def print_recipes(
    recipes: Mapping[str, Callable[[], TrainConfig | ClassifierTrainConfig]],
) -> None:
    """Print a table of recipes, one row each, with the main options and a description.

    Args:
        recipes: functions that return the config of a training, by name.
    """
    rows = [COLUMNS, *(_row(name, recipe) for name, recipe in recipes.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[-1] = 0  # nothing follows the last column
    # Plain text and no wrapping, however narrow the terminal: one line per recipe suits `grep`.
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


def _row(name: str, recipe: Callable[[], TrainConfig | ClassifierTrainConfig]) -> tuple[str, ...]:
    config = recipe()
    data = config.data.root or "any"
    if isinstance(config, TrainConfig):
        if config.data.layout != "auto":
            data = config.data.layout
        crop = _shown(config.augment.crop)
    else:
        crop = str(config.model.size)
    summary = (recipe.__doc__ or "").splitlines()[0]
    options = _shown(config.epochs), _shown(config.batch_size), _shown(config.optim.lr)
    return name, data, crop, *options, summary


def _shown(value: object) -> str:
    """A value of a column."""
    if isinstance(value, tuple):  # the side of a square is given once
        return "x".join(map(str, dict.fromkeys(value)))
    return f"{value:g}" if isinstance(value, float) else str(value)
