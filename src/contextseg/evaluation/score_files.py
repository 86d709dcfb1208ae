"""Scores as JSON files."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from contextseg.metrics import Calibration, ClassificationScores, Scores, scores_of
from contextseg.system.atomic_files import write_text
from contextseg.system.json_text import load_json
from contextseg.system.terminal import json_text

S = TypeVar("S")

_OTHER = (AttributeError, LookupError, TypeError, ValueError, OverflowError, RuntimeError)
"""What the content of another file raises: infinite counts the fifth, no matrix the last."""


def write_scores(
    path: str | os.PathLike[str],
    scores: Scores | ClassificationScores,
    names: Sequence[str],
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write scores as JSON, atomically.

    `read_scores`, or `read_class_scores` for a classifier, reads them back.

    Args:
        path: file to write.
        scores: the scores of one evaluation.
        names: class names by label.
        settings: how the scores were obtained (model, data, split, scales, ...); must be
            JSON-serialisable.
    """
    content = {"settings": dict(settings or {}), **scores.to_dict(names)}
    # One line per class and per row of the confusion matrix: compact, and readable in a diff.
    rows = {name: content.pop(name) for name in ("classes", "confusion")}
    calibration = content.pop("calibration", None)
    head = json_text(content, indent=2, allow_nan=False)
    tail = [f'  "{name}": {_lines(value)}' for name, value in rows.items()]
    if calibration is not None:
        fields = (f'    "{name}": {json_text(value)}' for name, value in calibration.items())
        tail.append('  "calibration": {\n' + ",\n".join(fields) + "\n  }")
    write_text(path, ",\n".join([head[:-2], *tail]) + "\n}\n")


def read_scores(path: str | os.PathLike[str]) -> Scores:
    """Read the scores of a segmentation model from a file written by `write_scores`.

    Raises:
        ValueError: the file does not hold such scores; the message names it.
    """
    return _read(path, "scores", _scores)


def read_class_scores(path: str | os.PathLike[str]) -> ClassificationScores:
    """Read the scores of a classifier from a file written by `write_scores`.

    Raises:
        ValueError: the file does not hold such scores; the message names it.
    """
    return _read(path, "scores of a classifier", _class_scores)


def _scores(content: Mapping[str, Any]) -> Scores:
    calibration = content.get("calibration")
    return scores_of(
        torch.tensor(content["confusion"]),
        content["presence_map"],
        boundary_iou=_boundary_iou(content["classes"]),
        names=_names(content["classes"]),
        calibration=None if calibration is None else Calibration.from_dict(calibration),
    )


def _class_scores(content: Mapping[str, Any]) -> ClassificationScores:
    exact = content["exact"]
    return ClassificationScores(
        confusion=torch.tensor(content["confusion"]),
        exact=None if exact is None else (int(exact[0]), int(exact[1])),
        names=_names(content["classes"]),
    )


def _names(classes: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(entry["name"]) for entry in classes)


def _boundary_iou(classes: Sequence[Mapping[str, Any]]) -> list[float] | None:
    if not classes or "boundary_iou" not in classes[0]:
        return None
    values = (entry["boundary_iou"] for entry in classes)
    return [math.nan if value is None else value for value in values]


def _read(path: str | os.PathLike[str], kind: str, build: Callable[[Mapping[str, Any]], S]) -> S:
    try:
        return build(load_json(Path(path).read_text(encoding="utf-8")))
    except _OTHER as error:
        raise ValueError(f"{path}: does not hold {kind} ({error}).") from error


def _lines(rows: Sequence[Any]) -> str:
    return "[\n    " + ",\n    ".join(map(json_text, rows)) + "\n  ]"
