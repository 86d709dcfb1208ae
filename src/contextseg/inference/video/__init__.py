"""Videos, frame by frame: reading, smoothing over time, writing."""

from __future__ import annotations

from contextseg.inference.video.predict_video import VideoSummary, predict_video

__all__ = ["VideoSummary", "predict_video"]
