"""From a config to a finished run folder."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import lightning.pytorch as pl

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import write_yaml
from contextseg.metrics import Scores
from contextseg.metrics.classification import ClassificationScores
from contextseg.system.exclusive import exclusive, holds
from contextseg.system.first_process import Group
from contextseg.system.process_group import joined, joined_world
from contextseg.system.weight_files import read_weights
from contextseg.system.world import World, world_of
from contextseg.training.callbacks.draw_pictures import attempt, refresh
from contextseg.training.callbacks.monitor import Progress, combined
from contextseg.training.callbacks.named_failures import check_callbacks
from contextseg.training.checkpoint_file import Checkpoint, read_checkpoint
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
from contextseg.training.run_folder import (
    CONFIG,
    FILES,
    LAST,
    LAST_MODEL,
    LOG,
    MODEL,
    SCORES,
    is_finished,
    read_log,
)
from contextseg.training.run_view import run_html, run_line
from contextseg.training.segmentation import SegmentationTask
from contextseg.training.sizes import with_run_sizes
from contextseg.training.task import Task
from contextseg.training.world import check_share

S = TypeVar("S", Scores, ClassificationScores)


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class TrainResult(Generic[S]):
    """The result of a run."""

    folder: Path
    """The run folder: config.yaml, metrics.csv, tensorboard/, sessions.json (when, where and with
    which code it was trained), last.ckpt (to resume from), model.safetensors and scores.json (the
    kept weights, those of the best validation unless a classifier keeps its last, and their
    scores), report.html and pictures/ (unless `pictures` is off), last.safetensors (weights of the
    last step)."""
    scores: S | None
    """Scores of the kept weights; None without a validation."""
    steps: int
    """Optimiser steps done."""
    interrupted: bool = False
    """Whether Ctrl-C or SIGTERM ended it early; resume it with `train(config, resume=True)`."""

    def __repr__(self) -> str:
        return run_line(self)

    def _repr_html_(self) -> str:
        return run_html(self)


@overload
def train(
    config: ClassifierTrainConfig,
    *,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[Progress], None] | None = None,
    callbacks: Sequence[pl.Callback] = (),
) -> TrainResult[ClassificationScores]: ...
@overload
def train(
    config: TrainConfig,
    *,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[Progress], None] | None = None,
    callbacks: Sequence[pl.Callback] = (),
) -> TrainResult[Scores]: ...
def train(
    config: TrainConfig | ClassifierTrainConfig,
    *,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[Progress], None] | None = None,
    callbacks: Sequence[pl.Callback] = (),
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
        callbacks: Lightning's own type (`lightning.pytorch.Callback`). Their state is kept on
            resume, and in validations they see the averaged weights, if there are any. An exception
            of one ends the run; a note on it names the callback and the hook.

    Returns:
        The run folder and its best scores.

    Raises:
        FileExistsError: `config.out` holds a run already, and `resume` is not set.
        FileNotFoundError: there is nothing to resume, or no data.
        FolderInUseError: another training runs in `config.out`.
        ValueError: the data has faults, or options do not fit it or each other; or, on resume, the
            checkpoint is damaged, or options differ from those of the run.
        NonFiniteLossError: training diverged; the last good checkpoint is kept.
        MachineError: the machine ran out of memory or the like; the last checkpoint is kept, and
            the message says what to do.

    Example:
        >>> import contextseg
        >>> from contextseg.recipes import encnet_shapes
        >>> result = contextseg.train(encnet_shapes())  # doctest: +SKIP
    """
    alone = world_of().size == 1 and joined_world().size == 1
    callbacks = check_callbacks(callbacks)
    if alone and config.devices * config.nodes > 1:
        with training_progress(spawned=True) if progress else contextlib.nullcontext() as bar:
            locked = holds(config.out)
            watching = combined(bar, watch)
            work = partial(_train, config, resume, watching, callbacks, locked=locked)
            result = in_processes(config, work)
        if result is not None:
            return result
        if not (Path(config.out) / CONFIG).is_file():
            raise KeyboardInterrupt
        return result_of(Path(config.out), kind_of(config), interrupted=True)
    return _train(config, resume, watch, callbacks, progress=progress)


def _train(
    config: TrainConfig | ClassifierTrainConfig,
    resume: bool,
    watch: Callable[[Progress], None] | None,
    callbacks: Sequence[pl.Callback],
    *,
    progress: bool = False,
    locked: bool = False,
) -> TrainResult[Any]:
    """`train`, in each of the processes; `locked` if what started them holds the folder."""
    folder = Path(config.out)
    with (
        training_failures(folder, config),
        joined(config.device, config.timeout) as group,
        contextlib.ExitStack() as lock,
    ):
        if not locked:
            group.first(lambda: lock.enter_context(exclusive(folder, FILES)))
        return _with_others(config, folder, resume, progress, watch, callbacks, group)


def _with_others(
    config: TrainConfig | ClassifierTrainConfig,
    folder: Path,
    resume: bool,
    progress: bool,
    watch: Callable[[Progress], None] | None,
    callbacks: Sequence[pl.Callback],
    group: Group,
) -> TrainResult[Any]:
    """As `train`, in a folder that is ours alone."""
    task, checkpoint = group.first(partial(_prepared, config, resume, group.world))
    pl.seed_everything(task.config.seed, verbose=False)
    model = group.in_turn(partial(task.build, fresh=checkpoint is None))
    per_epoch = max(1, task.train_images // task.config.batch_size)
    batches = per_epoch * task.config.epochs
    module = TrainingModule(task, model, math.ceil(batches / task.accumulate))
    if checkpoint is not None:
        group.first(partial(_refuse_finished, folder, checkpoint.steps, module.steps))
    if checkpoint is not None and (checkpoint.steps >= module.steps or checkpoint.ended):
        # It was stopped after its last step: only the files below are missing.
        state = read_weights(checkpoint.path, mapped=True)["state_dict"]
        module.load_state_dict(state)
        interrupted = False
    else:
        warn_of_memory(model, task.config)
        if group.world.is_first:
            write_yaml(folder / CONFIG, task.config)
        with training_progress() if progress else contextlib.nullcontext() as bar:
            interrupted = fit(
                module,
                folder,
                batches=batches,
                per_epoch=per_epoch,
                checkpoint=checkpoint,
                watch=combined(bar, watch),
                callbacks=callbacks,
            )
    if not interrupted and group.world.is_first:
        if not task.validates:
            task.save(folder / MODEL, module.model)
        if task.config.pictures:
            attempt(
                lambda: refresh(folder, task, task.pictures(folder)),
                folder,
                quiet=not module.drew_all,
            )
        task.save(folder / LAST_MODEL, module.model)
    return group.first(partial(result_of, folder, type(task), interrupted))


def _prepared(
    config: TrainConfig | ClassifierTrainConfig, resume: bool, world: World
) -> tuple[Task[Any, Any], Checkpoint | None]:
    """The task, its data checked, and the checkpoint to resume from, or None for a new run."""
    check_share(config, world)
    config = with_run_sizes(with_run_normalisation(config, resume), resume)
    checkpoint = checkpoint_of(Path(config.out), config, resume)
    task = kind_of(config)(config)  # opens the data: what is wrong with them is said first
    task.config = with_precision(task.config, resume)  # may take seconds to measure
    check_share(task.config, world)
    if config.patience and not task.validates:
        raise ValueError(
            f"patience is {config.patience}, but nothing is validated. Name a split "
            f"(data.val_split), or set patience to 0."
        )
    return task, checkpoint


def _refuse_finished(folder: Path, done: int, steps: int) -> None:
    if not is_finished(folder):
        return
    if done < steps:
        raise FileExistsError(
            f"the run in {folder} is finished: it ended early, after {done} of {steps} steps."
        )
    raise FileExistsError(f"the run in {folder} is finished: all {done} steps are done.")


def kind_of(config: TrainConfig | ClassifierTrainConfig) -> type[Task[Any, Any]]:
    """The kind of task that a config is for."""
    return ClassificationTask if isinstance(config, ClassifierTrainConfig) else SegmentationTask


def result_of(folder: Path, kind: type[Task[Any, Any]], interrupted: bool) -> TrainResult[Any]:
    """The result of the run in a folder."""
    scores = kind.read_scores(folder / SCORES) if (folder / SCORES).is_file() else None
    return TrainResult(
        folder=folder, scores=scores, steps=_steps_of(folder), interrupted=interrupted
    )


def _steps_of(folder: Path) -> int:
    """Optimiser steps that the run in a folder has done."""
    if (folder / LAST).is_file():
        return read_checkpoint(folder / LAST, check=False).steps
    if is_finished(folder):  # somebody has removed the checkpoint, to save space
        return max((row["step"] for row in read_log(folder / LOG)), default=0)
    return 0
