"""The normalisation of a run whose config does not set it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from contextseg.config import ModelConfig, TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import read_yaml
from contextseg.data.bands.statistics import channel_statistics
from contextseg.data.rasters.dataset import open_split
from contextseg.models.normalisation import with_normalisation
from contextseg.training.run_folder import CONFIG
from contextseg.weights.model_file import read_config

AnyRun = TypeVar("AnyRun", bound=TrainConfig | ClassifierTrainConfig)


def with_run_normalisation(config: AnyRun, resume: bool) -> AnyRun:
    """`config` with values for `model.mean` and `model.std` where they are None or `auto`.

    A resumed run keeps the values it was started with. A run that starts from another model takes
    that model's values, which its weights were trained with. Any other takes its backbone's own, or
    with `auto`, and for other images than photos, those of a sample of its training images.

    Raises:
        ValueError: the training images cannot be read, or a channel of them is constant.
    """
    model = config.model
    if not (isinstance(model.mean, tuple) and isinstance(model.std, tuple)):
        earlier = None
        started = Path(config.out) / CONFIG
        if resume and started.is_file():
            earlier = read_yaml(started, type(config)).model
        elif isinstance(config, TrainConfig) and config.init_from:
            earlier = _like(read_config(config.init_from), config)
        if earlier is not None:
            model = _filled(model, earlier.mean, earlier.std)
        elif isinstance(config, TrainConfig) and isinstance(model, ModelConfig):
            model = _of_images(model, config)
    return replace(config, model=with_normalisation(model))


def _like(earlier: ModelConfig, config: TrainConfig) -> ModelConfig | None:
    """The config of another model, if it takes images like those of this run."""
    ours, theirs = (replace(each.images, display=None) for each in (config.model, earlier))
    return (
        earlier if ours == theirs and "auto" not in (config.model.mean, config.model.std) else None
    )


def _filled(model: Any, mean: Any, std: Any) -> Any:
    return replace(
        model,
        mean=model.mean if isinstance(model.mean, tuple) else mean,
        std=model.std if isinstance(model.std, tuple) else std,
    )


def _of_images(model: ModelConfig, config: TrainConfig) -> ModelConfig:
    """`model` with values of the training images, unless its backbone has usual ones."""
    if model.images.is_rgb and "auto" not in (model.mean, model.std):
        return model
    data = config.data
    images = open_split(data, data.train_split, model.images)
    return _filled(model, *channel_statistics(images))
