"""The number format of a run, decided once at its start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import read_yaml
from contextseg.system.devices import choose_device
from contextseg.system.precision import resolve_precision
from contextseg.training.run_folder import CONFIG

Config = TypeVar("Config", bound=TrainConfig | ClassifierTrainConfig)


def with_precision(config: Config, resume: bool = False) -> Config:
    """`config` with `32` or `bf16` instead of `auto`.

    Args:
        config: the run.
        resume: whether to resume the run in `config.out`, which keeps its format.

    Raises:
        ValueError: the machine has no such device, or the run's config.yaml is broken.
    """
    requested, file = config.precision, Path(config.out) / CONFIG
    if requested == "auto" and resume and file.is_file():
        requested = read_yaml(file, type(config)).precision
    resolved = resolve_precision(requested, choose_device(config.device))
    return replace(config, precision=resolved.precision)
