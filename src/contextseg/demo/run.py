"""Run a demo from start to finish."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from contextseg.config import TrainConfig
from contextseg.config.auto import settled
from contextseg.demo.budget import crops_of, described, plan, with_plan
from contextseg.demo.page import FINISHED, REPORT, constant_scores, write_page
from contextseg.demo.words import about, counted, duration
from contextseg.system.exclusive import exclusive
from contextseg.system.progress import track

if TYPE_CHECKING:
    from contextseg.data.sample import Dataset
    from contextseg.metrics import Scores
    from contextseg.training.train import TrainResult

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoResult:
    """The result of a demo."""

    run: TrainResult
    """The training; if it was interrupted, there are no other results yet."""
    report: Path | None = None
    """The web page."""
    split: str = ""
    """The split that was scored."""
    names: Sequence[str] = ()
    """Names of the classes, by label."""
    scores: Scores | None = None
    """Scores of the model."""
    baseline: Scores | None = None
    """Scores of predicting the most frequent class of the training images everywhere."""


def demo_folder(wanted: str) -> Path:
    """`wanted`, or that name with a number if it already holds a finished demo."""
    folder, number = Path(wanted), 2
    while (folder / REPORT).exists() and (folder / FINISHED).exists():
        folder = Path(f"{wanted}-{number}")
        number += 1
    return folder


def run_demo(config: TrainConfig, *, minutes: float | None = None) -> DemoResult:
    """Train, evaluate, and write the report. A demo that was stopped is resumed.

    Args:
        config: the training. The report scores and shows the split `test` if the data has one,
            else the validation split.
        minutes: wall-clock time for the training, above 0: the first steps are timed, and the
            plan replaces the epochs, validations and (on slow machines) the crop of `config`.
            Every planned epoch is trained, even if the machine becomes slower meanwhile. A resumed
            demo keeps its plan. None trains `config` unchanged.

    Returns:
        Scores and the path of the report, which is `report.html` in the run folder.

    Raises:
        ValueError: there are problems in the data, `minutes` is not above 0 or is combined with
            several devices, or the folder holds a run with other options.
        FolderInUseError: another demonstration or training is running in the folder.
    """
    with exclusive(config.out, (REPORT, FINISHED)):
        return _run_demo(config, minutes)


def _run_demo(config: TrainConfig, minutes: float | None) -> DemoResult:
    """As `run_demo`, in a folder that is ours alone."""
    from contextseg.config.io import read_yaml
    from contextseg.data import open_dataset
    from contextseg.data.check import check_dataset
    from contextseg.evaluation import evaluate
    from contextseg.inference.load import load
    from contextseg.training.run_folder import CONFIG
    from contextseg.training.train_or_load import train_or_load

    train_data = open_dataset(config.data.root, config.data.train_split)
    data = _unseen(config)
    check = check_dataset(train_data)
    check.raise_if_any()
    if minutes is not None:
        config = within(config, minutes, len(train_data))
    start = time.perf_counter()
    run, whole = train_or_load(config)
    seconds = time.perf_counter() - start if whole else None
    if run.interrupted:
        return DemoResult(run=run)
    if seconds is not None:
        logger.info("Trained in %s.", duration(seconds))

    logger.info("Evaluating the model on the %d images of the split %s.", len(data), data.split)
    predictor = load(run.folder)
    scores = evaluate(predictor, data)
    names = train_data.classes.names
    majority = int(check.class_pixels.argmax())
    baseline = constant_scores(scores, majority)
    trained = read_yaml(run.folder / CONFIG, TrainConfig)
    report = write_page(
        replace(
            config, epochs=trained.epochs, augment=trained.augment, precision=trained.precision
        ),
        predictor,
        classes=train_data.classes,
        learned=len(train_data),
        data=data,
        scores=scores,
        baseline=baseline,
        majority=names[majority],
        steps=run.steps,
        seconds=seconds,
    )
    return DemoResult(
        run=run, report=report, split=data.split, names=names, scores=scores, baseline=baseline
    )


def within(config: TrainConfig, minutes: float, images: int) -> TrainConfig:
    """`config` with the epochs and the crop that fit into a time budget on this machine.

    Args:
        config: the training. If its folder already holds a run, that run's plan is kept.
        minutes: wall-clock time for the training, above 0.
        images: number of training images, at least 1.

    Raises:
        ValueError: `minutes` is out of range, or `config` is for several devices.
    """
    from contextseg.config.io import read_yaml
    from contextseg.demo.measure import measure
    from contextseg.training.precision import with_precision
    from contextseg.training.run_folder import CONFIG

    if not 0 < minutes < math.inf:
        raise ValueError(f"minutes must be above 0, got {minutes}.")
    if config.devices > 1:
        raise ValueError(
            f"minutes can only plan a training on one device, got {config.devices} devices. Set "
            f"devices to 1, or set epochs instead of minutes."
        )
    begun = Path(config.out) / CONFIG
    if begun.is_file():
        kept = read_yaml(begun, TrainConfig)
        logger.info(
            "%s keeps its plan: %s.", config.out, counted(settled(kept.epochs, "epochs"), "epoch")
        )
        return replace(
            config,
            epochs=kept.epochs,
            val_every=kept.val_every,
            precision=kept.precision,
            augment=replace(config.augment, crop=kept.augment.crop),
        )
    logger.info("Timing the first steps to plan a training of %s.", about(60 * minutes))
    config = with_precision(config)
    with track("measuring"):
        chosen = plan(
            partial(measure, config),
            crops_of(config),
            60 * minutes,
            max(1, images // settled(config.batch_size, "batch_size")),
        )
    logger.info("%s", described(chosen, config.augment.crop_size, 60 * minutes))
    return with_plan(config, chosen)


def _unseen(config: TrainConfig) -> Dataset:
    """Images used neither for training nor for choosing the checkpoint, if there are any."""
    from contextseg.data import SHAPES, open_dataset

    root = config.data.root
    has_test = root == SHAPES or (Path(root) / "images" / "test").is_dir()
    return open_dataset(root, "test" if has_test else config.data.val_split)
