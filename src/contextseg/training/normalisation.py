"""The normalisation of a run whose config does not set it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import read_yaml
from contextseg.models.normalisation import with_normalisation
from contextseg.training.run_folder import CONFIG
from contextseg.weights.model_file import read_config

AnyRun = TypeVar("AnyRun", bound=TrainConfig | ClassifierTrainConfig)


def with_run_normalisation(config: AnyRun, resume: bool) -> AnyRun:
    """`config` with values for `model.mean` and `model.std` where they are None.

    A resumed run keeps the values it was started with. A run that starts from another model takes
    that model's values, which its weights were trained with. Any other takes its backbone's own.
    """
    model = config.model
    if model.mean is None or model.std is None:
        earlier = None
        started = Path(config.out) / CONFIG
        if resume and started.is_file():
            earlier = read_yaml(started, type(config)).model
        elif isinstance(config, TrainConfig) and config.init_from:
            earlier = read_config(config.init_from)
        if earlier is not None:
            mean, std = model.mean or earlier.mean, model.std or earlier.std
            model = replace(model, mean=mean, std=std)
    return replace(config, model=with_normalisation(model))
