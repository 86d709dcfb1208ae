"""Scores of a model on a data set, for either kind of task, and the files that hold them."""

from __future__ import annotations

from contextseg.evaluation.run import evaluate
from contextseg.evaluation.score_files import read_class_scores, read_scores, write_scores
from contextseg.metrics import Scores

__all__ = ["Scores", "evaluate", "read_class_scores", "read_scores", "write_scores"]
