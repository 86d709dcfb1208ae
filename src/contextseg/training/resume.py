"""Whether and where a run can be resumed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contextseg.config import TrainConfig
from contextseg.config.auto import AUTO
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import flattened, from_dict, read_yaml, to_dict
from contextseg.config.marks import marked
from contextseg.data.wording import quoted
from contextseg.training.checkpoint_file import Checkpoint, read_checkpoint
from contextseg.training.run_folder import CONFIG, LAST, is_finished

logger = logging.getLogger(__name__)

AnyConfig = TrainConfig | ClassifierTrainConfig


def checkpoint_of(folder: Path, config: AnyConfig, resume: bool) -> Checkpoint | None:
    """The checkpoint to resume from, or None for a new run.

    Raises:
        FileExistsError: there is a run, and `resume` is not set; or nothing is left of it to do.
        FileNotFoundError: there is no run to resume.
        ValueError: the checkpoint is damaged, or the options differ from those of the run.
    """
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
    checkpoint = read_checkpoint(folder / LAST) if (folder / LAST).is_file() else None
    refuse_edited(folder, type(config), checkpoint)
    _compare(read_yaml(folder / CONFIG, type(config)), config, folder)
    if checkpoint is None:
        if is_finished(folder):
            raise FileExistsError(f"the run in {folder} is finished: all its files are there.")
        logger.warning("%s has no checkpoint yet: starting over", folder)
    return checkpoint


def refuse_edited(
    folder: Path, kind: type[AnyConfig], checkpoint: Checkpoint | None = None
) -> None:
    """Raise ValueError if somebody has edited the config.yaml of a run that has a checkpoint.

    Options that may change when a run is resumed may be edited, too.

    Args:
        folder: the run folder.
        kind: class of its config.
        checkpoint: the run's, if it has been read.
    """
    if checkpoint is None and (folder / LAST).is_file():
        checkpoint = read_checkpoint(folder / LAST, check=False)
    if checkpoint is None or checkpoint.config is None:
        return
    try:
        own = from_dict(kind, checkpoint.config)
    except ValueError:  # options of another version
        return
    there = read_yaml(folder / CONFIG, kind)
    changed = _changed(_flat(own), _flat(there), _free(own, there))
    if changed:
        raise ValueError(
            f"{folder / CONFIG} was edited after the run had started: {'; '.join(changed)}. A run "
            f"keeps its options to the end. Undo the edit; or copy the file and train with the "
            f"copy in another folder (contextseg train COPY.yaml --out FOLDER)."
        )


def _compare(old: AnyConfig, new: AnyConfig, folder: Path) -> None:
    """Raise if the options differ from those the run was started with, where that matters."""
    before, after = _flat(old), _flat(new)
    for key in marked(new, "resolved"):
        if after[key] in (None, AUTO):
            after[key] = before.get(key)
    if after["precision"] == "auto":
        after["precision"] = before["precision"]
    changed = _changed(before, after, _free(old, new))
    if changed:
        raise ValueError(
            f"the run in {folder} was started with other options: {'; '.join(changed)}. Resume it "
            f"with its own (contextseg train {quoted(folder)} --resume), or start another run "
            f"(--out)."
        )


def _flat(config: AnyConfig) -> dict[str, Any]:
    return flattened(to_dict(config))


def _free(old: AnyConfig, new: AnyConfig) -> set[str]:
    """Options that may change when a run is resumed."""
    return marked(old, "free_on_resume") | marked(new, "free_on_resume")


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], free: set[str]) -> list[str]:
    """Options whose values differ, with both values."""
    return [
        f"{key} ({before.get(key)} then, {after.get(key)} now)"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and key not in free
    ]
