"""The demo: train a small model, compare it with guessing, and show the results on a web page."""

from contextseg.demo.page import (
    FINISHED,
    REPORT,
    constant_scores,
    report_samples,
)
from contextseg.demo.photos import PhotosResult, segment_photos
from contextseg.demo.run import DemoResult, demo_folder, run_demo

__all__ = [
    "FINISHED",
    "REPORT",
    "DemoResult",
    "PhotosResult",
    "constant_scores",
    "demo_folder",
    "report_samples",
    "run_demo",
    "segment_photos",
]
