"""A `TrainConfig` to a finished run folder."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import write_yaml
from contextseg.data import open_dataset
from contextseg.data.check import check_dataset
from contextseg.evaluation import Scores, read_scores
from contextseg.factory import create_model, with_prior_grid
from contextseg.training.callbacks.checkpoints import (
    LAST,
    SCORES,
    AtomicCheckpointIO,
    InterruptedRunError,
    KeepBest,
    SaveLast,
)
from contextseg.training.callbacks.monitor import Monitor, Progress
from contextseg.training.callbacks.provenance import RecordSession
from contextseg.training.callbacks.weight_average import WeightAverage
from contextseg.training.class_weights import class_weights
from contextseg.training.classifier import ClassifierTrainResult, train_classifier
from contextseg.training.data import RunData
from contextseg.training.log import CSVLog
from contextseg.training.module import TrainingModule
from contextseg.training.normalisation import with_run_normalisation
from contextseg.training.progress import TrainingBar
from contextseg.training.resume import CONFIG, checkpoint_of
from contextseg.training.trainer import both, quiet, trainer_options
from contextseg.weights import initialise, save_model
from contextseg.weights.model_file import FILE_NAME

logger = logging.getLogger(__name__)

LOG = "metrics.csv"
LAST_MODEL = "last.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult:
    """What a run came to."""

    folder: Path
    """The run folder: config.yaml, metrics.csv, tensorboard/, sessions.json (when, where, by which
    code), last.ckpt (to resume from), model.safetensors and scores.json (best validation),
    last.safetensors (last step)."""
    scores: Scores | None
    """Of the best validation; None without one."""
    steps: int
    """Steps of the optimiser done."""
    interrupted: bool = False
    """Whether Ctrl-C ended it early; resume it with `train(config, resume=True)`."""


@overload
def train(
    config: ClassifierTrainConfig,
    *,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[Progress], None] | None = None,
) -> ClassifierTrainResult: ...
@overload
def train(
    config: TrainConfig,
    *,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[Progress], None] | None = None,
) -> TrainResult: ...
def train(
    config: TrainConfig | ClassifierTrainConfig,
    *,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[Progress], None] | None = None,
) -> TrainResult | ClassifierTrainResult:
    """Train a model, for segmentation or (with a `ClassifierTrainConfig`) for classification.

    Order of images, augmentation and dropout are functions of (seed, epoch, image) alone, so a
    run that was killed and resumed ends with the weights of one that never stopped: to the last
    bit on the CPU of one machine, up to the order of atomic additions on a GPU.

    Args:
        config: the run. `model.num_classes` None takes as many as the data has.
        resume: go on from the last checkpoint in `config.out`.
        progress: show a progress bar on standard error.
        watch: called with a `Progress` after each batch and at each validation.

    Returns:
        The run folder and its best scores.

    Raises:
        FileExistsError: `config.out` holds a run already, and `resume` is not set.
        FileNotFoundError: there is nothing to resume, or no data.
        ValueError: data with faults, or options that do not fit them or each other.
        NonFiniteLossError: training diverged; the last good checkpoint is kept.

    Example:
        >>> import contextseg
        >>> from contextseg.recipes import encnet_shapes
        >>> result = contextseg.train(encnet_shapes())  # doctest: +SKIP
    """
    if isinstance(config, ClassifierTrainConfig):
        return train_classifier(config, resume=resume, progress=progress, watch=watch)
    folder = Path(config.out)
    config = with_run_normalisation(config, resume)
    checkpoint = checkpoint_of(folder, config, resume)
    train_data = open_dataset(config.data.root, config.data.train_split, config.data.layout)
    val_data = (
        open_dataset(config.data.root, config.data.val_split, config.data.layout)
        if config.data.val_split
        else None
    )
    config = _resolve(config, train_data)
    weights = None
    if config.data.check or config.loss.class_weights == "balanced":
        weights = _check(config, train_data, val_data)

    pl.seed_everything(config.seed, verbose=False)
    model = create_model(config.model)
    if config.init_from and checkpoint is None:
        left = initialise(model, config.init_from)
        logger.warning("init_from: drawn anew: %s", ", ".join(left) or "nothing")
    per_epoch = max(1, len(train_data) // config.batch_size)
    batches = per_epoch * config.epochs
    module = TrainingModule(config, model, -(-batches // config.accumulate), weights)
    done = torch.load(checkpoint, weights_only=True, mmap=True)["global_step"] if checkpoint else 0
    if done >= module.steps:
        raise FileExistsError(f"{folder} is finished: all {done} steps are done.")

    folder.mkdir(parents=True, exist_ok=True)
    write_yaml(folder / CONFIG, config)
    val_interval = config.val_every * per_epoch if val_data is not None else 0
    with contextlib.ExitStack() as stack:
        if progress:
            bar = stack.enter_context(TrainingBar())
            watch = both(bar.update, watch)
        stack.enter_context(quiet())
        saver = SaveLast(folder, config.checkpoint_every, val_interval)
        average = [WeightAverage(config.ema_decay)] if config.ema_decay else []
        trainer = pl.Trainer(
            **trainer_options(config.device, config.devices, config.precision),
            max_epochs=1,  # the loader holds all epochs as one stream: resuming is always mid-way
            val_check_interval=min(val_interval or batches, batches),
            check_val_every_n_epoch=None,
            limit_val_batches=1.0 if val_interval else 0,
            num_sanity_val_steps=0,
            accumulate_grad_batches=config.accumulate,
            gradient_clip_val=config.gradient_clip or None,
            # KeepBest sees the average of the weights, SaveLast the weights (see `ema`).
            callbacks=[
                KeepBest(folder, train_data.classes),
                *average,
                Monitor(config.log_every, watch),
                saver,
                RecordSession(folder, config.device),
            ],
            logger=[CSVLog(folder / LOG, done), TensorBoardLogger(folder, "tensorboard", "")],
            plugins=[AtomicCheckpointIO()],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        data = RunData(config, train_data, val_data)
        interrupted = False
        try:
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        except InterruptedRunError:
            interrupted = True
    steps = torch.load(folder / LAST, weights_only=True, mmap=True)["global_step"]
    if not interrupted and trainer.is_global_zero:
        save_model(folder / LAST_MODEL, module.model, train_data.classes)
        if val_data is None:
            save_model(folder / FILE_NAME, module.model, train_data.classes)
    scores = read_scores(folder / SCORES) if (folder / SCORES).is_file() else None
    return TrainResult(folder=folder, scores=scores, steps=steps, interrupted=interrupted)


def _resolve(config: TrainConfig, data: Any) -> TrainConfig:
    """`config` with the number of classes of the data and the grid of a context prior."""
    have, want = data.classes.num_classes, config.model.num_classes
    if want is not None and want != have:
        raise ValueError(
            f"model.num_classes is {want}, but {config.data.root} has {have} classes. Leave it "
            f"out to take what the data has."
        )
    model = with_prior_grid(replace(config.model, num_classes=have), config.augment.crop)
    return replace(config, model=model)


def _check(config: TrainConfig, train: Any, val: Any | None) -> torch.Tensor | None:
    """Class weights [L] or None; raises on faults in the data."""
    report = check_dataset(train)
    report.raise_if_any()
    if val is not None and config.data.check:
        check_dataset(val).raise_if_any()
    return class_weights(config.loss, report.class_pixels)
