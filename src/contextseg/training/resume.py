"""Whether and where a run can be resumed."""

from __future__ import annotations

import logging
from pathlib import Path

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import flattened, read_yaml, to_dict
from contextseg.config.marks import marked
from contextseg.training.run_folder import CONFIG, LAST

logger = logging.getLogger(__name__)


def checkpoint_of(
    folder: Path, config: TrainConfig | ClassifierTrainConfig, resume: bool
) -> Path | None:
    """The checkpoint to resume from, or None for a new run."""
    exists = (folder / CONFIG).is_file()
    if not resume:
        if exists:
            raise FileExistsError(
                f"{folder} holds a run already. Resume it (resume=True, --resume), or choose "
                f"another folder (out, --out)."
            )
        return None
    if not exists:
        raise FileNotFoundError(f"there is no run to resume in {folder}.")
    _compare(read_yaml(folder / CONFIG, type(config)), config, folder)
    if not (folder / LAST).is_file():
        logger.warning("%s has no checkpoint yet: starting over", folder)
        return None
    return folder / LAST


def _compare(
    old: TrainConfig | ClassifierTrainConfig,
    new: TrainConfig | ClassifierTrainConfig,
    folder: Path,
) -> None:
    """Raise if the options differ from those the run was started with, where that matters."""
    before, after = flattened(to_dict(old)), flattened(to_dict(new))
    for key in marked(new, "resolved"):
        if after[key] is None:
            after[key] = before.get(key)
    if after["precision"] == "auto":
        after["precision"] = before["precision"]
    free = marked(old, "free_on_resume") | marked(new, "free_on_resume")
    changed = [
        f"{key} ({before.get(key)} then, {after.get(key)} now)"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and key not in free
    ]
    if changed:
        raise ValueError(
            f"the run in {folder} was started with other options: {'; '.join(changed)}. Resume it "
            f"with its own (contextseg train {folder} --resume), or start another run (--out)."
        )
