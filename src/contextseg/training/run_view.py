"""The result of a run as a line of text, and in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from contextseg.config.io import read_mapping
from contextseg.display.curves import curves
from contextseg.display.html import figures, line, row, short, view
from contextseg.display.numbers import counted
from contextseg.metrics import Scores
from contextseg.metrics.view import class_scores_parts, scores_parts
from contextseg.training.run_folder import CONFIG, LOG, read_log

if TYPE_CHECKING:
    from contextseg.training.train import TrainResult

LOSSES = {
    "loss": "train/loss",
    "cross-entropy": "train/main",
    "SE-loss": "train/se",
    "affinity": "train/affinity",
    "auxiliary": "train/aux",
}
"""Parts of the training loss, by their name: columns of the log."""
VALIDATION = {
    "mean IoU": "val/mean_iou",
    "pixel accuracy": "val/pixel_accuracy",
    "error": "val/error",
}
"""Scores of validations, likewise."""


def run_line(run: TrainResult[Any]) -> str:
    """A run in a line: its folder, how far it came, its main score."""
    parts = [repr(short(run.folder)), counted(run.steps, "step")]
    if run.interrupted:
        parts.append("interrupted")
    parts.append("no scores" if run.scores is None else repr(run.scores))
    return f"{type(run).__name__}({', '.join(parts)})"


def run_html(run: TrainResult[Any]) -> str:
    """A run as HTML: scores, learning curves, and what was trained."""
    state = f"{counted(run.steps, 'step')}{', interrupted' if run.interrupted else ''}"
    parts: list[Markup] = []
    trained = _trained(run.folder)
    if trained:
        parts.append(line(trained))
    scores = run.scores
    if scores is None:
        parts.append(figures([("steps", f"{run.steps:,}")]))
    else:
        parts += scores_parts(scores) if isinstance(scores, Scores) else class_scores_parts(scores)
    try:
        rows = read_log(run.folder / LOG)
    except (ValueError, OSError) as error:  # the view shows what else there is
        return view(run.folder, *parts, line(error), note=state)
    charts = [
        curves("Training loss", _lines(rows, LOSSES, 1.0), x_label="step", places=2),
        curves("Validation, %", _lines(rows, VALIDATION, 100.0), x_label="step", places=1),
    ]
    return view(run.folder, *parts, row(chart for chart in charts if chart), note=state)


def _lines(
    rows: list[dict[str, Any]], columns: dict[str, str], factor: float
) -> dict[str, list[tuple[float, float]]]:
    return {
        name: [(row["step"], factor * row[key]) for row in rows if key in row]
        for name, key in columns.items()
    }


def _trained(folder: Path) -> str:
    """Model, data and length of a run, from its options; empty if they cannot be read."""
    try:
        config = read_mapping(folder / CONFIG)
        model, data = config["model"], config["data"]
        part = model["context" if "context" in model else "network"]
        backbone = model.get("backbone") or part.get("backbone")
        name = f"{part['name']} on {backbone}" if backbone else part["name"]
        epochs = counted(config["epochs"], "epoch")
        return f"{name}, {epochs} of {data['root']} in batches of {config['batch_size']}"
    except (KeyError, TypeError, ValueError, OSError):
        return ""
