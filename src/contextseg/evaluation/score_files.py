"""Scores as JSON files, of either kind of task."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from contextseg.metrics import Scores, scores_of
from contextseg.metrics.classification import ClassificationScores
from contextseg.system.atomic_files import write_text

LONG = ("classes", "confusion")
"""What takes a line a class: short, and readable in a diff."""


def write_scores(
    path: str | os.PathLike[str],
    scores: Scores | ClassificationScores,
    names: Sequence[str],
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write scores as JSON, whole or not at all; `read_scores` reads them back.

    Args:
        path: file to write.
        scores: of one evaluation.
        names: names of the classes by label.
        settings: how the scores came about (model, data, split, scales, ...), as JSON takes it.
    """
    content = {"settings": dict(settings or {}), **scores.to_dict(names)}
    long = {name: content.pop(name) for name in LONG}
    head = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    tail = ",\n".join(f'  "{name}": {_lines(rows)}' for name, rows in long.items())
    write_text(path, f"{head[:-2]},\n{tail}\n}}\n")


def read_scores(path: str | os.PathLike[str]) -> Scores:
    """Scores of a segmentation model from a file that `write_scores` wrote.

    Raises:
        ValueError: it is no such file; the message names it.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return scores_of(
            torch.tensor(content["confusion"]),
            content["presence_map"],
            boundary_iou=_boundary_iou(content["classes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a file of scores ({error}).") from error


def read_class_scores(path: str | os.PathLike[str]) -> ClassificationScores:
    """Scores of a classifier from a file that `write_scores` wrote.

    Raises:
        ValueError: it is no such file; the message names it.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        exact = content["exact"]
        return ClassificationScores(
            confusion=torch.tensor(content["confusion"]),
            exact=None if exact is None else (int(exact[0]), int(exact[1])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a file of scores of a classifier ({error}).") from error


def _boundary_iou(classes: Sequence[Mapping[str, Any]]) -> list[float] | None:
    if not classes or "boundary_iou" not in classes[0]:
        return None
    values = (entry["boundary_iou"] for entry in classes)
    return [math.nan if value is None else value for value in values]


def _lines(rows: Sequence[Any]) -> str:
    return "[\n    " + ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n  ]"
