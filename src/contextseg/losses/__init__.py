"""Losses: per-pixel cross-entropy, SE-loss, affinity loss, and their weighted sum."""

from __future__ import annotations

from contextseg.losses.affinity_loss import affinity_loss
from contextseg.losses.cross_entropy import CrossEntropy
from contextseg.losses.se_loss import se_loss
from contextseg.losses.segmentation import SegmentationLoss

__all__ = ["CrossEntropy", "SegmentationLoss", "affinity_loss", "se_loss"]
