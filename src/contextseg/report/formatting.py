"""Figures in words that people read, on pages and on the terminal."""

from __future__ import annotations

import math

MEANS = {
    "mean IoU": "mean_iou",
    "pixel accuracy": "pixel_accuracy",
    "mean accuracy": "mean_accuracy",
    "presence mAP": "presence_map",
}
"""What is said of all classes together: words for people, field of `Scores`."""


def percent(share: float | None, digits: int = 1) -> str:
    """0.6288 as "62.9", in percent; a dash where there is nothing to measure."""
    return "–" if share is None or math.isnan(share) else f"{100 * share:.{digits}f}"
