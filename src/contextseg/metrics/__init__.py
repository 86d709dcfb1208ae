"""Metrics of predictions: counts, and the scores derived from them."""

from __future__ import annotations

from contextseg.metrics.boundary import BoundaryIoU
from contextseg.metrics.calibration import Calibration, CalibrationError
from contextseg.metrics.classification import ClassificationMetrics, ClassificationScores
from contextseg.metrics.image_counts import ImageCounts
from contextseg.metrics.paired_bootstrap import Difference, paired_difference
from contextseg.metrics.scores import Scores, scores_of
from contextseg.metrics.segmentation import SegmentationMetrics
from contextseg.metrics.small_objects import SmallObjectIoU

__all__ = [
    "BoundaryIoU",
    "Calibration",
    "CalibrationError",
    "ClassificationMetrics",
    "ClassificationScores",
    "Difference",
    "ImageCounts",
    "Scores",
    "SegmentationMetrics",
    "SmallObjectIoU",
    "paired_difference",
    "scores_of",
]
