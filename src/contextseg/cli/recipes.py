"""The table of recipes, separate from the tables of scores, which are slower to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from contextseg.config import TrainConfig

if TYPE_CHECKING:
    from contextseg.config.classification import ClassifierTrainConfig


COLUMNS = ("recipe", "data", "crop", "epochs", "batch", "lr", "description")


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
        # The side of a square is given once.
        crop = "x".join(map(str, dict.fromkeys(config.augment.crop)))
    else:
        crop = str(config.model.size)
    summary = (recipe.__doc__ or "").splitlines()[0]
    options = str(config.epochs), str(config.batch_size), f"{config.optim.lr:g}"
    return name, data, crop, *options, summary
