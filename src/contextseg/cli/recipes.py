"""The table of recipes, separate from the tables of scores, which are slower to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from contextseg.config import TrainConfig

if TYPE_CHECKING:
    from contextseg.config.classification import ClassifierTrainConfig


def print_recipes(
    recipes: Mapping[str, Callable[[], TrainConfig | ClassifierTrainConfig]],
) -> None:
    """Print a table of recipes, one row each, with the main options and a description.

    Args:
        recipes: functions by name.
    """
    columns = ("recipe", "data", "crop", "epochs", "batch", "lr", "description")
    rows: list[Sequence[str]] = [columns]
    for name, recipe in recipes.items():
        config = recipe()
        data = config.data.root or "any"
        if isinstance(config, TrainConfig):
            data = data if config.data.layout == "auto" else config.data.layout
            crop = "x".join(map(str, dict.fromkeys(config.augment.crop)))
        else:
            crop = str(config.model.size)
        what = (recipe.__doc__ or "").splitlines()[0]
        run = (str(config.epochs), str(config.batch_size), f"{config.optim.lr:g}")
        rows.append((name, data, crop, *run, what))
    # Plain text with one recipe per line, however narrow the terminal, so that `grep` works.
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[-1]]))
