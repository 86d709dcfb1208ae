"""Random scale, rotation, crop and mirror as one affine warp of image and labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from contextseg.config import AugmentConfig
from contextseg.config.labels import IGNORED


@dataclass(frozen=True, slots=True)
class Warp:
    """Where each pixel of a crop comes from.

    Points are (column, row), continuous: pixel (0, 0) covers the square from 0 to 1, its centre is
    at 0.5. So mirroring w columns maps x to w - x, and scaling keeps the corner at the origin.
    """

    matrix: np.ndarray
    """[2, 3], float64: maps a point of the image, with 1 appended, to one of the crop."""
    size: tuple[int, int]
    """Rows and columns of the crop."""

    def image(self, image: np.ndarray, fill: tuple[float, float, float]) -> np.ndarray:
        """The crop of an image, bilinear.

        An image that shrinks to half or less is first averaged over whole pixels, so that fine
        texture does not alias.

        Args:
            image: [h, w, 3], uint8.
            fill: red, green and blue, 0 to 255, of the area outside the image.

        Returns:
            [*size, 3], uint8.
        """
        matrix = self.matrix
        shrink = int(1 / max(_scale(matrix), 1e-6) + 1e-6)
        if shrink > 1:
            rows, columns = image.shape[:2]
            small = max(1, round(rows / shrink)), max(1, round(columns / shrink))
            image = cv2.resize(image, small[::-1], interpolation=cv2.INTER_AREA)
            matrix = matrix @ np.diag([columns / small[1], rows / small[0], 1.0])
        border = tuple(round(value) for value in fill)
        return self._apply(image, matrix, cv2.INTER_LINEAR, border)

    def labels(self, labels: np.ndarray) -> np.ndarray:
        """The crop of labels, nearest neighbour; ignored outside the image.

        Args:
            labels: [h, w], uint8.

        Returns:
            [*size], uint8.
        """
        return self._apply(labels, self.matrix, cv2.INTER_NEAREST, (IGNORED,))

    def _apply(
        self, array: np.ndarray, matrix: np.ndarray, interpolation: int, border: tuple[int, ...]
    ) -> np.ndarray:
        # OpenCV counts from the centre of pixel (0, 0), half a pixel from our origin.
        shift = matrix[:, :2] @ (0.5, 0.5) + matrix[:, 2] - 0.5
        return cv2.warpAffine(
            array,
            np.column_stack([matrix[:, :2], shift]),
            self.size[::-1],
            flags=interpolation,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=border,
        )


def draw_warp(rng: np.random.Generator, image_size: tuple[int, int], config: AugmentConfig) -> Warp:
    """Draw a random warp for one training image.

    The image is scaled (by `config.scale`, on top of `config.base_size`), rotated about its centre
    and mirrored; then a crop is taken at a random position within the frame of the scaled image.
    Along an axis where the scaled image is smaller than the crop, its position in the crop is
    random.

    Args:
        rng: source of five random numbers; all five are drawn, even if options are off.
        image_size: rows and columns of the image.
        config: the options.
    """
    rows, columns = image_size
    low, high = (math.log(scale) for scale in config.scale)
    u = rng.random(5)
    scale = math.exp(low + u[0] * (high - low))
    if config.base_size is not None:
        scale *= config.base_size / max(image_size)
    scaled = max(1, round(rows * scale)), max(1, round(columns * scale))
    angle = math.radians(config.rotation) * (2 * u[1] - 1)
    mirror = -1.0 if u[2] < config.flip else 1.0
    top, left = (
        _corner(position, extent, crop)
        for position, extent, crop in zip(u[3:], scaled, config.crop_size, strict=True)
    )

    to_centre = _moved(-columns / 2, -rows / 2)
    scaling = np.diag([scaled[1] / columns, scaled[0] / rows, 1.0])
    cos, sin = math.cos(angle), math.sin(angle)
    rotation = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    mirroring = np.diag([mirror, 1.0, 1.0])
    to_crop = _moved(scaled[1] / 2 - left, scaled[0] / 2 - top)
    matrix = to_crop @ mirroring @ rotation @ scaling @ to_centre
    return Warp(matrix[:2], config.crop_size)


def _corner(position: float, extent: int, crop: int) -> int:
    """First pixel of the crop in the scaled image: all positions that fit are equally likely."""
    room = extent - crop
    return min(0, room) + int(position * (abs(room) + 1))


def _moved(columns: float, rows: float) -> np.ndarray:
    return np.array([[1.0, 0.0, columns], [0.0, 1.0, rows], [0.0, 0.0, 1.0]])


def _scale(matrix: np.ndarray) -> float:
    """The factor by which lengths grow, averaged over directions."""
    return math.sqrt(abs(np.linalg.det(matrix[:, :2])))
