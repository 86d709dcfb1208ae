"""The runs of a comparison: which training each one is, where it lies, what it scores."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contextseg.comparison.results import LOGS, RunScores, or_none
from contextseg.config import ModelConfig, TrainConfig
from contextseg.config.io import flattened, read_yaml, to_dict
from contextseg.config.marks import marked

if TYPE_CHECKING:
    from contextseg.data.sample import Dataset

logger = logging.getLogger(__name__)


class StoppedError(Exception):
    """Ctrl-C ended a training; the message is its folder."""


def identity(config: TrainConfig) -> str:
    """Ten hexadecimal digits, equal for two runs that compute the same."""
    text = json.dumps(_computed(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def run_folder(config: TrainConfig, runs: Path) -> Path:
    """Where the run of `config` is, or is to be.

    That is `config.out` if a finished run of the same options is there, so that what
    `contextseg train` has trained is not trained again; else a folder in `runs` whose name says
    which run it is, so that comparisons can share them.
    """
    from contextseg.training.resume import CONFIG
    from contextseg.training.train_or_load import is_finished

    own = Path(config.out)
    if is_finished(own):
        try:
            old, new = _computed(read_yaml(own / CONFIG, TrainConfig)), _computed(config)
            old |= {name: None for name in marked(config, "resolved") if new[name] is None}
            if old == new:
                return own
        except (OSError, ValueError) as error:
            logger.warning("%s is not taken for a finished run: %s", own, error)
    return runs / name_of(config)


def name_of(config: TrainConfig) -> str:
    """What the run of `config` is called among all runs."""
    return f"{config.model.name}-{identity(config)}-seed{config.seed}"


def model_of(config: TrainConfig, runs: Path, num_classes: int) -> ModelConfig:
    """The network of a run with what training resolved in it, as far as its folder is there."""
    from contextseg.training.resume import CONFIG

    file = run_folder(config, runs) / CONFIG
    if file.is_file():
        return read_yaml(file, TrainConfig).model
    return replace(config.model, num_classes=num_classes)


def finish(config: TrainConfig, runs: Path, *, progress: bool) -> Path:
    """Train the run of `config`, or go on with it; the folder of the finished run.

    Raises:
        StoppedError: Ctrl-C ended the training.
        Exception: whatever training raises.
    """
    from contextseg.training.train_or_load import train_or_load

    folder = run_folder(config, runs)
    result, _ = train_or_load(replace(config, out=str(folder)), progress=progress)
    if result.interrupted:
        raise StoppedError(str(folder))
    return folder


def score(
    folder: Path,
    config: TrainConfig,
    data: Dataset,
    small: tuple[int, ...],
    limit: int | None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[RunScores, list[int]]:
    """Scores of the best model in a run folder, and the scored pixels of each class."""
    from contextseg.evaluation import evaluate
    from contextseg.inference.load import load
    from contextseg.metrics.small_objects import SmallObjectIoU

    objects = SmallObjectIoU(data.classes.num_classes, small)
    scores = evaluate(
        load(folder, device=config.device, precision=config.precision),
        data,
        limit=limit,
        workers=config.data.workers,
        progress=progress,
        also=objects.update,
    )
    figures = RunScores(
        mean_iou=or_none(scores.mean_iou),
        pixel_accuracy=or_none(scores.pixel_accuracy),
        mean_accuracy=or_none(scores.mean_accuracy),
        presence_map=or_none(scores.presence_map),
        iou=[or_none(value) for value in scores.iou],
        small_iou=[[or_none(value) for value in row] for row in objects.iou().tolist()],
    )
    return figures, scores.confusion.sum(1).tolist()


def read_sessions(folder: Path) -> list[dict[str, Any]]:
    """When, where and by which code a run was trained."""
    from contextseg.training.callbacks import provenance

    return provenance.read_sessions(folder)


def keep_log(folder: Path, config: TrainConfig, out: Path) -> str:
    """Copy the training log of a run into the report's folder `logs`; its name there."""
    from contextseg.system.atomic_files import atomic_path
    from contextseg.training.train import LOG

    name = f"{name_of(config)}.csv"
    with atomic_path(out / LOGS / name) as partial:
        shutil.copyfile(folder / LOG, partial)
    return name


def _computed(config: TrainConfig) -> dict[str, Any]:
    """The options that say what a run computes, by their dotted names."""
    without_effect = marked(config, "without_effect")
    values = flattened(to_dict(config))
    return {name: value for name, value in values.items() if name not in without_effect}
