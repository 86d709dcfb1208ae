"""The demo: train a small model, compare it with guessing, and show the results on a web page."""

from contextseg.demo.page import (
    REPORT,
    constant_scores,
    read_curves,
    report_samples,
)
from contextseg.demo.photos import PhotosResult, segment_photos
from contextseg.demo.run import DemoResult, demo_folder, run_demo

__all__ = [
    "REPORT",
    "DemoResult",
    "PhotosResult",
    "constant_scores",
    "demo_folder",
    "read_curves",
    "report_samples",
    "run_demo",
    "segment_photos",
]
