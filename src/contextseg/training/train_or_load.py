"""A run to its end, however far it has come already."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from contextseg.config import TrainConfig
from contextseg.evaluation import read_scores
from contextseg.training.callbacks.checkpoints import LAST, SCORES
from contextseg.training.resume import CONFIG
from contextseg.training.train import LAST_MODEL, TrainResult, train

logger = logging.getLogger(__name__)


def is_finished(folder: Path) -> bool:
    """Whether the run in `folder` has done all of its steps."""
    return (folder / LAST_MODEL).is_file()


def train_or_load(config: TrainConfig, *, progress: bool = True) -> tuple[TrainResult, bool]:
    """The run in `config.out`: begun, gone on with, or as it is if it is finished.

    Args:
        config: the run. That of a finished one is not looked at: its folder says it all.
        progress: show a progress bar on standard error.

    Returns:
        What the run came to, and whether all of it was done just now.

    Raises:
        FileNotFoundError, ValueError: as `contextseg.train` does.
    """
    folder = Path(config.out)
    if is_finished(folder):
        logger.info("The training in %s is done already.", folder)
        steps = torch.load(folder / LAST, weights_only=True, mmap=True)["global_step"]
        scores = read_scores(folder / SCORES) if (folder / SCORES).is_file() else None
        return TrainResult(folder=folder, scores=scores, steps=steps), False
    started = (folder / CONFIG).is_file()
    if started:
        logger.info("Going on with the training in %s.", folder)
    return train(config, resume=started, progress=progress), not started
