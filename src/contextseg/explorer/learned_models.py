"""Models that were learned in a project: each in a numbered folder, with its score."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from contextseg.explorer.annotations import STATES
from contextseg.system.atomic_files import write_text
from contextseg.system.json_text import load_json

FOLDER, FILE, SCORE = "models", "model.safetensors", "score.json"
LATEST = "latest"
"""Stands for the model with the highest number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """What a training was worth."""

    before: float
    """Mean IoU of the old model on the held-back images, 0 to 1."""
    after: float
    """Mean IoU of the new one on the same images."""
    trained: int
    """Images that the new one was trained on."""
    held_back: int
    """Images that both were compared on."""


def models_folder(root: Path) -> Path:
    """Where a project keeps its models."""
    return root / STATES / FOLDER


def numbers(root: Path) -> list[int]:
    """Numbers of the models of a project, sorted."""
    found = models_folder(root).glob(f"*/{FILE}")
    return sorted(int(file.parent.name) for file in found if file.parent.name.isdecimal())


def latest(root: Path) -> Path | None:
    """Folder of the newest model of a project; None if nothing was learned in it."""
    known = numbers(root)
    return models_folder(root) / str(known[-1]) if known else None


def keep(root: Path, file: Path, score: Score) -> Path:
    """Move a model into a folder of its own; returns the folder."""
    folder = models_folder(root) / str(max(numbers(root), default=0) + 1)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / SCORE, json.dumps(asdict(score), indent=1) + "\n")
    shutil.move(file, folder / FILE)  # last: a folder counts once it has its model
    return folder


def read_score(folder: Path) -> Score:
    """The score of a model that was kept.

    Raises:
        OSError, ValueError: it is not there, or was edited into something else.
    """
    content = load_json((folder / SCORE).read_text(encoding="utf-8"))
    try:
        return Score(**content)
    except TypeError as error:
        raise ValueError(f"{folder / SCORE}: {error}.") from None
