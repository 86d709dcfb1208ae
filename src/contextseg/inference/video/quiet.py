"""OpenCV and FFmpeg without what they print: our messages say what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2

_VARIABLE = "OPENCV_FFMPEG_LOGLEVEL"
"""Read by OpenCV when it opens its first video."""
_SILENT = 0


@contextmanager
def quiet() -> Iterator[None]:
    """A block in which OpenCV and, unless its variable is set, FFmpeg print nothing."""
    os.environ.setdefault(_VARIABLE, "-8")
    logs: Any = getattr(cv2.utils, "logging", cv2)  # before 4.13, they were functions of cv2 itself
    level = logs.getLogLevel()
    logs.setLogLevel(_SILENT)
    try:
        yield
    finally:
        logs.setLogLevel(level)
