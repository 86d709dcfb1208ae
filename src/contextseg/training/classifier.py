"""A `ClassifierTrainConfig` to a finished run folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from contextseg.classifier_evaluation import read_class_scores
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import write_yaml
from contextseg.data.classification.datasets import open_labelled
from contextseg.metrics.classification import ClassificationScores
from contextseg.models.classifiers import build_classifier
from contextseg.training.callbacks.checkpoints import (
    LAST,
    SCORES,
    AtomicCheckpointIO,
    InterruptedRunError,
    SaveLast,
)
from contextseg.training.callbacks.monitor import Monitor, Progress
from contextseg.training.callbacks.provenance import RecordSession
from contextseg.training.callbacks.weight_average import WeightAverage
from contextseg.training.classifier_data import ClassifierData
from contextseg.training.classifier_keep import KeepClassifier
from contextseg.training.classifier_module import ClassifierModule
from contextseg.training.log import CLASSIFIER_COLUMNS, CSVLog
from contextseg.training.normalisation import with_run_normalisation
from contextseg.training.progress import TrainingBar
from contextseg.training.resume import CONFIG, checkpoint_of
from contextseg.training.trainer import both, quiet, trainer_options

LOG = "metrics.csv"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifierTrainResult:
    """What a run came to."""

    folder: Path
    """The run folder: config.yaml, metrics.csv, tensorboard/, last.ckpt (to resume from),
    model.safetensors and scores.json (of the weights that were kept)."""
    scores: ClassificationScores | None
    """Of the weights that were kept; None without a split to score."""
    steps: int
    """Steps of the optimiser done."""
    interrupted: bool = False
    """Whether Ctrl-C ended it early; resume it with `train(config, resume=True)`."""


def train_classifier(
    config: ClassifierTrainConfig,
    *,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[Progress], None] | None = None,
) -> ClassifierTrainResult:
    """Train a classifier; `contextseg.train` calls it for such a config.

    Order of images, augmentation and what the network draws are functions of the seed and of the
    step or the image alone, so that a run that was killed and resumed ends with the weights of one
    that never stopped: to the last bit on the CPU of one machine.

    Args:
        config: the run. `model.num_classes` None takes as many as the data has.
        resume: go on from the last checkpoint in `config.out`.
        progress: show a progress bar on standard error.
        watch: called with a `Progress` after each batch and at each validation.

    Raises:
        FileExistsError: `config.out` holds a run already, and `resume` is not set.
        FileNotFoundError: there is nothing to resume.
        ValueError: data with faults, or options that do not fit them or each other.
        NonFiniteLossError: training diverged.
    """
    folder = Path(config.out)
    config = with_run_normalisation(config, resume)
    checkpoint = checkpoint_of(folder, config, resume)
    train_data = open_labelled(config.data.root, config.data.train_split)
    val_data = (
        open_labelled(config.data.root, config.data.val_split) if config.data.val_split else None
    )
    config = _resolve(config, train_data, val_data)

    pl.seed_everything(config.seed, verbose=False)
    model = build_classifier(config.model)
    per_epoch = max(1, len(train_data) // config.batch_size)
    steps = per_epoch * config.epochs
    exact = getattr(val_data, "exact", None)
    module = ClassifierModule(
        config, model, steps, None if exact is None else torch.from_numpy(exact)
    )
    done = torch.load(checkpoint, weights_only=True, mmap=True)["global_step"] if checkpoint else 0
    if done >= steps:
        raise FileExistsError(f"{folder} is finished: all {done} steps are done.")

    folder.mkdir(parents=True, exist_ok=True)
    write_yaml(folder / CONFIG, config)
    val_interval = config.val_every * per_epoch if val_data is not None else 0
    keep = KeepClassifier(folder, train_data.classes, best=config.keep == "best")
    with contextlib.ExitStack() as stack:
        if progress:
            bar = stack.enter_context(TrainingBar())
            watch = both(bar.update, watch)
        stack.enter_context(quiet())
        average = [WeightAverage(config.ema_decay)] if config.ema_decay else []
        trainer = pl.Trainer(
            **trainer_options(config.device, 1, config.precision),
            max_epochs=1,  # the loader holds all epochs as one stream: resuming is always mid-way
            val_check_interval=min(val_interval or steps, steps),
            check_val_every_n_epoch=None,
            limit_val_batches=1.0 if val_interval else 0,
            num_sanity_val_steps=0,
            gradient_clip_val=config.gradient_clip or None,
            # `keep` sees the average of the weights, SaveLast the weights (see `ema`).
            callbacks=[
                keep,
                *average,
                Monitor(config.log_every, watch),
                SaveLast(folder, config.checkpoint_every, val_interval),
                RecordSession(folder, config.device),
            ],
            logger=[
                CSVLog(folder / LOG, done, CLASSIFIER_COLUMNS),
                TensorBoardLogger(folder, "tensorboard", ""),
            ],
            plugins=[AtomicCheckpointIO()],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        data = ClassifierData(config, train_data, val_data)
        interrupted = False
        try:
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        except InterruptedRunError:
            interrupted = True
    done = torch.load(folder / LAST, weights_only=True, mmap=True)["global_step"]
    if not interrupted and (config.keep == "last" or val_data is None):
        keep.write(module, done)
    scores = read_class_scores(folder / SCORES) if (folder / SCORES).is_file() else None
    return ClassifierTrainResult(folder=folder, scores=scores, steps=done, interrupted=interrupted)


def _resolve(config: ClassifierTrainConfig, train: Any, val: Any | None) -> ClassifierTrainConfig:
    """`config` with the number of classes and the image size of the data."""
    have, want = train.classes.num_classes, config.model.num_classes
    if want is not None and want != have:
        raise ValueError(
            f"model.num_classes is {want}, but {config.data.root} has {have} classes. Leave it "
            f"out to take what the data has."
        )
    if val is not None and val.classes.names != train.classes.names:
        raise ValueError(
            f"{config.data.root}: the splits {config.data.train_split} and "
            f"{config.data.val_split} have other classes."
        )
    size = config.model.size
    images = getattr(train, "images", None)
    if images is not None and images.shape[1:3] != (size, size):
        raise ValueError(
            f"model.size is {size}, but the images of {config.data.root} are "
            f"{images.shape[1]} x {images.shape[2]}."
        )
    return replace(config, model=replace(config.model, num_classes=have))
