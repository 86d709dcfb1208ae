"""The runs of a comparison: their identity, and where they are stored."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from contextseg.comparison.results import LOGS
from contextseg.config import ModelConfig, TrainConfig
from contextseg.config.auto import AUTO
from contextseg.config.classification import ClassifierConfig, ClassifierTrainConfig
from contextseg.config.io import flattened, read_yaml, to_dict
from contextseg.config.marks import marked
from contextseg.system.atomic_files import atomic_path
from contextseg.training.normalisation import with_run_normalisation
from contextseg.training.run_folder import CONFIG, LOG, is_finished

AnyConfig = TrainConfig | ClassifierTrainConfig


class StoppedError(Exception):
    """Ctrl-C ended a run; the message is its folder."""


def identity(config: AnyConfig) -> str:
    """Ten hexadecimal digits, equal for runs that compute the same result."""
    text = json.dumps(_computed(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def run_folder(config: AnyConfig, runs: Path) -> Path:
    """The folder of the run of `config`, whether it exists or not.

    A finished run with the same options in `config.out` or anywhere in `runs` is reused, so that
    nothing is trained twice. Otherwise it is a folder in `runs` whose name identifies the run, so
    that comparisons can share it.
    """
    planned = runs / name_of(config)
    others = sorted(runs.iterdir()) if runs.is_dir() else []
    for folder in (Path(config.out), planned, *others):
        if is_finished(folder) and _computes(folder, config):
            return folder
    return planned


def _computes(folder: Path, config: AnyConfig) -> bool:
    """Whether the run in a folder computed what `config` asks for."""
    try:
        old, new = _computed(read_yaml(folder / CONFIG, type(config))), _computed(config)
    except (OSError, ValueError):  # another kind of task, or options from another version
        return False
    old |= {name: new[name] for name in marked(config, "resolved") if new[name] in (None, AUTO)}
    return old == new


def name_of(config: AnyConfig) -> str:
    """Name of the run of `config` among all runs."""
    return f"{config.model.name}-{identity(config)}-seed{config.seed}"


def model_of(config: AnyConfig, runs: Path, num_classes: int) -> ModelConfig | ClassifierConfig:
    """The network's config as training resolved it, if the run's folder exists."""
    file = run_folder(config, runs) / CONFIG
    if file.is_file():
        return read_yaml(file, type(config)).model
    return replace(config.model, num_classes=num_classes)


def finish(config: AnyConfig, runs: Path, *, progress: bool) -> Path:
    """Train or resume the run of `config`; returns the folder of the finished run.

    Raises:
        StoppedError: Ctrl-C ended the run.
        Exception: whatever training raises.
    """
    from contextseg.training.train_or_load import train_or_load

    folder = run_folder(config, runs)
    result, _ = train_or_load(replace(config, out=str(folder)), progress=progress)
    if result.interrupted:
        raise StoppedError(str(folder))
    return folder


def read_sessions(folder: Path) -> list[dict[str, Any]]:
    """When, where and with which code a run was trained."""
    from contextseg.training.callbacks import provenance

    return provenance.read_sessions(folder)


def keep_log(folder: Path, config: AnyConfig, out: Path) -> str:
    """Copy the training log of a run into the report's folder `logs`; returns its name there."""
    name = f"{name_of(config)}.csv"
    with atomic_path(out / LOGS / name) as partial:
        shutil.copyfile(folder / LOG, partial)
    return name


def keep_counts(counts: np.ndarray | None, config: AnyConfig, out: Path) -> str:
    """Write the counts of each image into the report's folder `logs`; returns their name there."""
    if counts is None:
        return ""
    name = f"{name_of(config)}.npz"
    with atomic_path(out / LOGS / name) as partial, partial.open("wb") as file:
        np.savez_compressed(file, counts=counts)
    return name


def read_counts(path: Path) -> np.ndarray:
    """What `keep_counts` wrote: [N, 3, L], int32.

    Raises:
        ValueError: the file is damaged or something else; the message names it.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return file["counts"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} does not hold the counts of images ({error}).") from error


def normalised(config: AnyConfig) -> AnyConfig:
    """`config` with the mean and standard deviation that its run normalises images with.

    Runs count as equal whether a config states them or leaves them to the backbone.
    """
    try:
        return with_run_normalisation(config, resume=False)
    except (OSError, ValueError):  # its training will fail, and say why
        return config


def _computed(config: AnyConfig) -> dict[str, Any]:
    """The options that determine what a run computes, by their dotted names."""
    from contextseg.training.precision import with_precision

    if config.precision == "auto":  # resolved before training
        config = with_precision(config)
    without_effect = marked(config, "without_effect")
    values = flattened(to_dict(normalised(config)))
    return {name: value for name, value in values.items() if name not in without_effect}
