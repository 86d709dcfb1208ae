"""The contents of a run folder, and whether its run is finished."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from contextseg.config.io import read_mapping
from contextseg.system.json_text import load_json

CONFIG = "config.yaml"
LOG = "metrics.csv"
SCORES = "scores.json"
SESSIONS = "sessions.json"
LOGGERS = "loggers.json"
"""What Weights & Biases and MLflow call the run."""
LAST = "last.ckpt"
LAST_MODEL = "last.safetensors"
"""Weights of the last step; written last, so a run that has this file is finished."""
MODEL = "model.safetensors"
REPORT = "report.html"
PICTURES = "pictures"
"""Folder of the pictures that the report shows."""
FILES = (CONFIG, LOG, SCORES, SESSIONS, LOGGERS, LAST, LAST_MODEL, MODEL, REPORT)


def is_finished(folder: Path) -> bool:
    """Whether the run in `folder` has done all steps and written all files."""
    return (folder / LAST_MODEL).is_file() or _is_finished_classifier(folder)


def _is_finished_classifier(folder: Path) -> bool:
    """Whether a classifier's run of version 0.1, which wrote no `last.safetensors`, is finished."""
    if not ((folder / CONFIG).is_file() and (folder / MODEL).is_file()):
        return False
    config = read_mapping(folder / CONFIG)
    model, epochs = config.get("model"), config.get("epochs")
    if not (isinstance(model, dict) and "network" in model and _is_of_0_1(folder)):
        return False
    rows = read_log(folder / LOG)
    return bool(rows) and rows[-1].get("epoch", 0.0) >= (epochs or 1)


def _is_of_0_1(folder: Path) -> bool:
    """Whether the engine of classifiers of version 0.1 has written a run, and to its end."""
    if (folder / LAST).is_file():
        import torch

        return "ClassifierData" in torch.load(folder / LAST, weights_only=True, mmap=True)
    sessions = read_sessions(folder)
    return not sessions or sessions[-1].get("seconds") is not None


def read_log(path: Path) -> list[dict[str, Any]]:
    """Rows of a log as numbers, without blanks; empty if there is no file.

    Raises:
        ValueError: a value is no number, or the file is no table; the message names the file, and
            the line and the column.
    """
    if not path.is_file():
        return []
    rows = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = file.readlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is no log of a training: not UTF-8 ({error.reason}).") from None
    if lines and not lines[-1].endswith("\n"):  # a killed process has not finished it
        lines.pop()
    reader = csv.DictReader(lines)
    try:
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            numbers = {key: _number(v, f"{where}, {key}") for key, v in row.items() if v}
            if "step" in numbers:
                rows.append(numbers | {"step": _step(numbers["step"], where)})
    except csv.Error as error:  # such as a cell of 100,000 letters
        raise ValueError(f"{path}, line {reader.line_num}: {error}. Remove the line.") from None
    return rows


def _step(number: float, where: str) -> int:
    if not number.is_integer():  # NaN and infinity are none either
        raise ValueError(f"{where}, step: must be a whole number, got {number}. Correct the line.")
    return int(number)


def _number(text: str | list[str], where: str) -> float:
    """The number that a cell holds; a list are the cells of a row with more than columns."""
    try:
        return float(text)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        raise ValueError(
            f"{where}: must be a number, got {text!r}. Correct the line, or remove it."
        ) from None


def read_sessions(folder: Path) -> list[dict[str, Any]]:
    """The sessions of the run in a folder (`callbacks.provenance`); empty if none were recorded."""
    try:
        found = load_json((folder / SESSIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    # Somebody may have edited it into something else.
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
