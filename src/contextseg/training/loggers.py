"""Weights & Biases and MLflow as further logs of a run, through Lightning's loggers."""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger

from contextseg.config import TrainingConfig
from contextseg.config.io import flattened, to_dict
from contextseg.config.loggers import LoggerName
from contextseg.system.atomic_files import write_text
from contextseg.system.extras import check_installed, optional
from contextseg.system.json_text import load_json
from contextseg.system.process_group import joined_world
from contextseg.training.run_folder import LOGGERS

messages = logging.getLogger(__name__)

PROJECT = "contextseg"
"""Project of Weights & Biases, or experiment of MLflow."""
QUIET = {
    "WANDB_MODE": "offline",
    "WANDB_ERROR_REPORTING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Variables of both libraries that keep them from the network, unless the user has set them."""


@contextmanager
def run_loggers(config: TrainingConfig, folder: Path, resume: bool) -> Iterator[list[Logger]]:
    """A block with the loggers that a run asks for; only its first process may open them.

    Weights & Biases writes into the folder, offline unless `WANDB_MODE` says otherwise; MLflow
    into `mlflow.db` beside the folder unless `MLFLOW_TRACKING_URI` says otherwise. A resumed run
    continues the runs that it began there.

    Args:
        config: the run.
        folder: the run folder.
        resume: whether the run is resumed.

    Raises:
        MissingPackageError: a library is missing; the message names the extra.
    """
    if not config.logger or not joined_world().is_first:
        yield []
        return
    if "wandb" in config.logger and "WANDB_MODE" not in os.environ:
        messages.warning(
            "logger wandb: nothing is sent. Upload the run with wandb sync %s, or set "
            "WANDB_MODE=online before a training.",
            folder / "wandb" / "offline-run-*",
        )
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    loggers: list[Logger] = []
    try:
        known = _runs(folder) if resume else {}
        runs = dict(known)
        for name in config.logger:
            logger, runs[name] = _opened(name, folder, known.get(name))
            loggers.append(logger)
            write_text(folder / LOGGERS, json.dumps(runs) + "\n")
            if name not in known:  # MLflow refuses to change a value
                logger.log_hyperparams(flattened(to_dict(config)))
        yield loggers
    finally:
        _close(loggers)


def _opened(name: LoggerName, folder: Path, run: str | None) -> tuple[Logger, str]:
    """A logger, and what its library calls the run."""
    title, project = folder.resolve().name, os.environ.get("WANDB_PROJECT", PROJECT)
    if name == "wandb":
        check_installed("logger wandb", ("wandb",), extra="wandb")
        wandb = optional("wandb", "wandb")
        from lightning.pytorch.loggers import WandbLogger

        run = run or uuid.uuid4().hex[:8]
        settings = wandb.Settings(console="off", silent=True)
        return WandbLogger(title, folder, id=run, project=project, settings=settings), run
    check_installed("logger mlflow", ("mlflow",), extra="mlflow")
    from lightning.pytorch.loggers import MLFlowLogger

    address = os.environ.get("MLFLOW_TRACKING_URI")
    if not address:
        address = f"sqlite:///{(folder.resolve().parent / 'mlflow.db').as_posix()}"
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
    logger = MLFlowLogger(experiment, title, tracking_uri=address, run_id=run)
    return logger, str(logger.run_id)


def _close(loggers: Sequence[Any]) -> None:
    """End the run of Weights & Biases: else the next training of this process would join it."""
    for logger in loggers:
        if hasattr(logger, "watch"):
            logger.experiment.finish()


def _runs(folder: Path) -> dict[str, str]:
    """What each library calls the run in a folder; empty if nothing was kept."""
    try:
        found = load_json((folder / LOGGERS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
