"""A model and a dataset to scores, and scores to files and back."""

from __future__ import annotations

from contextseg.evaluation.dispatch import evaluate
from contextseg.evaluation.score_files import (
    read_class_scores,
    read_scores,
    write_scores,
)
from contextseg.metrics import ClassificationScores, Scores

__all__ = [
    "ClassificationScores",
    "Scores",
    "evaluate",
    "read_class_scores",
    "read_scores",
    "write_scores",
]
