"""OpenCV and FFmpeg without what they print: our messages say what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

_VARIABLE = "OPENCV_FFMPEG_LOGLEVEL"
"""Read by OpenCV when it opens its first video."""
_SILENT = 0


@contextmanager
def quiet() -> Iterator[None]:
    """A block in which OpenCV and, unless its variable is set, FFmpeg print nothing."""
    os.environ.setdefault(_VARIABLE, "-8")
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
