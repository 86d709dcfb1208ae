"""Learning curves from the rows of a training log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contextseg.report.charts import Chart
from contextseg.report.lines import Series, line_chart

LOSSES = {
    "total": "train/loss",
    "cross-entropy": "train/main",
    "SE-loss": "train/se",
    "affinity": "train/affinity",
    "auxiliary": "train/aux",
    "auxiliary SE-loss": "train/aux_se",
}
"""Parts of the training loss: display name to column."""
VALIDATION = {
    "mean IoU": "val/mean_iou",
    "pixel accuracy": "val/pixel_accuracy",
    "presence mAP": "val/presence_map",
    "error": "val/error",
    "error, original pixels": "val/error_exact",
}
"""Scores of validations."""
RATE = {"learning rate": "lr"}

Rows = Sequence[Mapping[str, float]]
"""Rows of a log (`training.run_folder.read_log`): values by column, each with its `step`."""


def loss_series(rows: Rows) -> list[Series]:
    """The parts of the training loss by step."""
    return _series(rows, LOSSES, 1.0)


def validation_series(rows: Rows) -> list[Series]:
    """Validation scores in percent by step."""
    return _series(rows, VALIDATION, 100.0)


def curve_charts(rows: Rows) -> list[Chart]:
    """Loss, validation scores and learning rate by step, as far as the log has them."""
    charts = (
        line_chart("Training loss", loss_series(rows), x_label="step"),
        line_chart(
            "Validation", validation_series(rows), x_label="step", y_label="percent", places=1
        ),
        line_chart("Learning rate", _series(rows, RATE, 1.0), x_label="step"),
    )
    return [chart for chart in charts if chart]


def _series(rows: Rows, columns: Mapping[str, str], factor: float) -> list[Series]:
    curves = (
        Series(name, [(row["step"], factor * row[key]) for row in rows if key in row])
        for name, key in columns.items()
    )
    return [curve for curve in curves if curve.points]
