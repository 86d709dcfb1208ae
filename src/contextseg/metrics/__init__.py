"""How well labels are predicted: counts, and the scores that follow from them."""

from __future__ import annotations

from contextseg.metrics.scores import Scores, scores_of
from contextseg.metrics.segmentation import SegmentationMetrics

__all__ = ["Scores", "SegmentationMetrics", "scores_of"]
