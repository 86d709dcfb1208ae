"""The contents of a run folder, and whether its run is finished."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from contextseg.config.io import read_mapping

CONFIG = "config.yaml"
LOG = "metrics.csv"
SCORES = "scores.json"
LAST = "last.ckpt"
LAST_MODEL = "last.safetensors"
"""Weights of the last step; written last, so a run that has this file is finished."""
MODEL = "model.safetensors"


def is_finished(folder: Path) -> bool:
    """Whether the run in `folder` has done all steps and written all files."""
    return (folder / LAST_MODEL).is_file() or _is_finished_classifier(folder)


def _is_finished_classifier(folder: Path) -> bool:
    """Whether a classifier's run of version 0.1, which wrote no `last.safetensors`, is finished."""
    if not ((folder / CONFIG).is_file() and (folder / MODEL).is_file()):
        return False
    config = read_mapping(folder / CONFIG)
    model, epochs = config.get("model"), config.get("epochs")
    rows = read_log(folder / LOG)
    is_classifier = isinstance(model, dict) and "network" in model
    return is_classifier and bool(rows) and rows[-1].get("epoch", 0.0) >= (epochs or 1)


def read_log(path: Path) -> list[dict[str, Any]]:
    """Rows of a log as numbers, without blanks; empty if there is no file.

    Raises:
        ValueError: a value is no number; the message names the file, the line and the column.
    """
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file)
        rows = [{k: _number(v, f"{path}, line {lines.line_num}, {k}") for k, v in row.items() if v}
                for row in lines]  # fmt: skip
    return [row | {"step": int(row["step"])} for row in rows if "step" in row]


def _number(text: str | list[str], where: str) -> float:
    """The number that a cell holds; a list are the cells of a row with more than columns."""
    try:
        return float(text)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        raise ValueError(
            f"{where}: must be a number, got {text!r}. Correct the line, or remove it."
        ) from None
