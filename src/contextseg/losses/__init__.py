"""Losses: per-pixel cross-entropy, SE-loss, and their weighted sum."""

from __future__ import annotations

from contextseg.losses.cross_entropy import CrossEntropy
from contextseg.losses.se_loss import se_loss
from contextseg.losses.segmentation import SegmentationLoss

__all__ = ["CrossEntropy", "SegmentationLoss", "se_loss"]
