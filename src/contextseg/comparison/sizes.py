"""Sizes of the runs of a comparison whose configs leave them to the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contextseg.comparison.runs import AnyConfig
from contextseg.config import TrainConfig


def with_equal_sizes(models: Mapping[str, AnyConfig]) -> dict[str, AnyConfig]:
    """The configs with values instead of `auto`, which depend on the data alone.

    All models train with the same crops, batches and epochs; the memory that one of them needs
    changes nothing.

    Args:
        models: training configs by name, all with the same data.
    """
    from contextseg.data import open_dataset
    from contextseg.training.sizes import with_sizes

    opened: dict[tuple[str, str, str], Any] = {}
    result: dict[str, AnyConfig] = {}
    for name, config in models.items():
        if isinstance(config, TrainConfig) and is_auto(config):
            place = (config.data.root, config.data.train_split, config.data.layout)
            if place not in opened:
                opened[place] = open_dataset(*place)
            config = with_sizes(config, opened[place], memory=False)
        result[name] = config
    return result


def is_auto(config: TrainConfig) -> bool:
    """Whether any size is left to the data."""
    values = (config.augment.crop, config.batch_size, config.epochs, config.val_every)
    return "auto" in (*values, config.optim.lr)
