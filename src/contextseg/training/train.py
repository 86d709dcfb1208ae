"""From a config to a finished run folder."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import lightning.pytorch as pl
import torch

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import write_yaml
from contextseg.metrics import Scores
from contextseg.metrics.classification import ClassificationScores
from contextseg.system.process_group import joined, joined_world
from contextseg.system.world import World, world_of
from contextseg.training.callbacks.monitor import Progress, combined
from contextseg.training.classification import ClassificationTask
from contextseg.training.failures import training_failures
from contextseg.training.fit import fit
from contextseg.training.launch import in_processes
from contextseg.training.memory import warn_of_memory
from contextseg.training.module import TrainingModule
from contextseg.training.normalisation import with_run_normalisation
from contextseg.training.precision import with_precision
from contextseg.training.progress import training_progress
from contextseg.training.resume import checkpoint_of
from contextseg.training.run_folder import CONFIG, LAST, LAST_MODEL, MODEL, SCORES, is_finished
from contextseg.training.segmentation import SegmentationTask
from contextseg.training.task import Task
from contextseg.training.world import check_share

S = TypeVar("S", Scores, ClassificationScores)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult(Generic[S]):
    """The result of a run."""

    folder: Path
    """The run folder: config.yaml, metrics.csv, tensorboard/, sessions.json (when, where and by
    which code it was trained), last.ckpt (to resume from), model.safetensors and scores.json (the
    kept weights, those of the best validation unless a classifier keeps its last, and their
    scores), last.safetensors (weights of the last step)."""
    scores: S | None
    """Scores of the kept weights; None without a validation."""
    steps: int
    """Optimiser steps done."""
    interrupted: bool = False
    """Whether Ctrl-C ended it early; resume it with `train(config, resume=True)`."""


@overload
def train(
    config: ClassifierTrainConfig,
    *,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[Progress], None] | None = None,
) -> TrainResult[ClassificationScores]: ...
@overload
def train(
    config: TrainConfig,
    *,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[Progress], None] | None = None,
) -> TrainResult[Scores]: ...
def train(
    config: TrainConfig | ClassifierTrainConfig,
    *,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[Progress], None] | None = None,
) -> TrainResult[Any]:
    """Train a model, for segmentation or (with a `ClassifierTrainConfig`) for classification.

    The order of images, augmentation and dropout depend on (seed, epoch, image) alone, so a run
    that was killed and resumed ends with the same weights as an uninterrupted one: to the last
    bit on the CPU of one machine, up to the order of atomic additions on a GPU.

    With several `devices` or `nodes`, processes are started; under torchrun or SLURM, those that
    the launcher started join, whatever the config says. The first alone checks the data, writes
    and shows progress; every process gets the result.

    Args:
        config: the run. If `model.num_classes` is None, the data determines it.
        resume: resume from the last checkpoint in `config.out`.
        progress: show a progress bar on standard error.
        watch: called with a `Progress` after each batch and at each validation.

    Returns:
        The run folder and its best scores.

    Raises:
        FileExistsError: `config.out` holds a run already, and `resume` is not set.
        FileNotFoundError: there is nothing to resume, or no data.
        ValueError: the data has faults, or options do not fit it or each other.
        NonFiniteLossError: training diverged; the last good checkpoint is kept.
        MachineError: memory, a data worker or the like was lost; the last checkpoint is kept, and
            the message says what to do.

    Example:
        >>> import contextseg
        >>> from contextseg.recipes import encnet_shapes
        >>> result = contextseg.train(encnet_shapes())  # doctest: +SKIP
    """
    alone = world_of().size == 1 and joined_world().size == 1
    if alone and config.devices * config.nodes > 1:
        with training_progress(spawned=True) if progress else contextlib.nullcontext() as bar:
            return in_processes(config, partial(_train, config, resume, combined(bar, watch)))
    return _train(config, resume, watch, progress=progress)


def _train(
    config: TrainConfig | ClassifierTrainConfig,
    resume: bool,
    watch: Callable[[Progress], None] | None,
    progress: bool = False,
) -> TrainResult[Any]:
    """`train`, in each of the processes."""
    folder = Path(config.out)
    with training_failures(folder, config), joined(config.device, config.timeout) as group:
        task, checkpoint = group.first(partial(_prepared, config, resume, group.world))
        pl.seed_everything(task.config.seed, verbose=False)
        model = group.in_turn(partial(task.build, fresh=checkpoint is None))
        per_epoch = max(1, task.train_images // task.config.batch_size)
        batches = per_epoch * task.config.epochs
        module = TrainingModule(task, model, math.ceil(batches / task.accumulate))
        warn_of_memory(model, task.config)
        done = steps_of(checkpoint) if checkpoint else 0
        interrupted = False
        if done < module.steps:
            if group.world.is_first:
                folder.mkdir(parents=True, exist_ok=True)
                write_yaml(folder / CONFIG, task.config)
            with training_progress() if progress else contextlib.nullcontext() as bar:
                interrupted = fit(
                    module,
                    folder,
                    batches=batches,
                    per_epoch=per_epoch,
                    checkpoint=checkpoint,
                    done=done,
                    watch=combined(bar, watch),
                )
        elif group.first(partial(is_finished, folder)):
            raise FileExistsError(f"{folder} is finished: all {done} steps are done.")
        else:  # stopped after its last step: only the files below are missing
            module.load_state_dict(torch.load(folder / LAST, weights_only=True)["state_dict"])
        if not interrupted and group.world.is_first:
            if not task.validates:
                task.save(folder / MODEL, module.model)
            task.save(folder / LAST_MODEL, module.model)
        return group.first(partial(result_of, folder, type(task), interrupted))


def _prepared(
    config: TrainConfig | ClassifierTrainConfig, resume: bool, world: World
) -> tuple[Task[Any, Any], Path | None]:
    """The task, its data checked, and the checkpoint to resume from, or None for a new run."""
    check_share(config, world)
    config = with_run_normalisation(config, resume)
    checkpoint = checkpoint_of(Path(config.out), config, resume)
    return kind_of(config)(with_precision(config, resume)), checkpoint


def kind_of(config: TrainConfig | ClassifierTrainConfig) -> type[Task[Any, Any]]:
    """The kind of task that a config is for."""
    return ClassificationTask if isinstance(config, ClassifierTrainConfig) else SegmentationTask


def result_of(folder: Path, kind: type[Task[Any, Any]], interrupted: bool) -> TrainResult[Any]:
    """The result of the run in a folder."""
    scores = kind.read_scores(folder / SCORES) if (folder / SCORES).is_file() else None
    steps = steps_of(folder / LAST)
    return TrainResult(folder=folder, scores=scores, steps=steps, interrupted=interrupted)


def steps_of(checkpoint: Path) -> int:
    """Optimiser steps that a checkpoint has done."""
    return torch.load(checkpoint, weights_only=True, mmap=True)["global_step"]
