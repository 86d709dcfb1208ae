"""Complete a run: start it, resume it, or load it if it is finished."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.training.resume import refuse_edited
from contextseg.training.run_folder import CONFIG, is_finished
from contextseg.training.train import TrainResult, kind_of, result_of, train

logger = logging.getLogger(__name__)


def train_or_load(
    config: TrainConfig | ClassifierTrainConfig, *, progress: bool = True
) -> tuple[TrainResult[Any], bool]:
    """Start or resume the run in `config.out`, or load it if it is finished.

    Args:
        config: the run. A finished run is loaded from its folder; its options are not compared
            with these.
        progress: show a progress bar on standard error.

    Returns:
        The result, and whether the whole run was trained just now.

    Raises:
        FileNotFoundError, ValueError: as `contextseg.train` does.
    """
    folder = Path(config.out)
    if is_finished(folder):
        refuse_edited(folder, type(config))
        logger.info("The run in %s is already finished.", folder)
        return result_of(folder, kind_of(config), interrupted=False), False
    started = (folder / CONFIG).is_file()
    if started:
        logger.info("Resuming the run in %s.", folder)
    return train(config, resume=started, progress=progress), not started
