"""Score models on datasets, and store scores in files."""

from __future__ import annotations

from contextseg.evaluation.dispatch import evaluate
from contextseg.evaluation.logit_adjustment import LogitAdjustment, adjust_logits
from contextseg.evaluation.score_files import (
    read_class_scores,
    read_scores,
    write_scores,
)
from contextseg.evaluation.temperature import TemperatureFit, calibrate
from contextseg.metrics import ClassificationScores, Scores

__all__ = [
    "ClassificationScores",
    "LogitAdjustment",
    "Scores",
    "TemperatureFit",
    "adjust_logits",
    "calibrate",
    "evaluate",
    "read_class_scores",
    "read_scores",
    "write_scores",
]
