"""Small videos, whole ones and damaged ones."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np

from contextseg.inference.video.target import VideoTarget
from tests.inference.fakes import draw_image

RATE = 12.5


def draw_clip(path: Path, frames: int = 12, size: tuple[int, int] = (48, 64)) -> Path:
    """Write a video of a picture that moves to the right."""
    target = VideoTarget(path, RATE)
    picture = draw_image(*size)
    for number in range(frames):
        target.write(np.roll(picture, 4 * number, axis=1))
    target.close()
    return path


def damage(path: Path, numbers: Collection[int]) -> Path:
    """Overwrite the packets of some frames with zeros, which no decoder takes."""
    content = bytearray(path.read_bytes())
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    assert capture.set(cv2.CAP_PROP_FORMAT, -1)
    number = 0
    while True:
        found, packet = capture.read()
        if not found:
            break
        if number in numbers:
            start = content.index(packet.tobytes()[8:]) - 8  # FFmpeg may add to the beginning
            content[start : start + packet.size] = bytes(packet.size)
        number += 1
    path.write_bytes(content)
    return path


def shape_of(path: Path) -> tuple[float, list[np.ndarray]]:
    """Rate and frames of a video that is whole."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    rate, frames = capture.get(cv2.CAP_PROP_FPS), []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return rate, frames
