"""Synthetic scenes with exact labels, for tests, tutorials and demos without data."""

from __future__ import annotations

import zlib

import cv2
import numpy as np

from contextseg.config.labels import IGNORED
from contextseg.data.classes import Classes, ClassInfo
from contextseg.data.sample import Sample
from contextseg.data.view import Viewed

CLASSES = Classes(
    "drawn scenes",
    (
        ClassInfo(0, "sky", (140, 190, 240)),
        ClassInfo(1, "sea", (30, 80, 160)),
        ClassInfo(2, "land", (110, 150, 60)),
        ClassInfo(3, "boat", (200, 40, 60)),
        ClassInfo(4, "tent", (240, 160, 40)),
        ClassInfo(5, "buoy", (250, 230, 60)),
        ClassInfo(6, "boulder", (130, 120, 120)),
        ClassInfo(7, "crate", (140, 90, 50)),
    ),
    (ClassInfo(255, "border", (255, 255, 255)),),
)
SKY, SEA, LAND, BOAT, TENT, BUOY, BOULDER, CRATE = range(8)

_SIZES = {"train": 256}


class ShapesDataset(Viewed):
    """Scenes at sea and on land, where the scene determines the class of some shapes.

    The upper part is sky, the lower part sea or land. Triangles are boats at sea and tents on
    land, discs are buoys at sea and boulders on land, with the same colours and sizes in both;
    squares are crates everywhere. A thin border around each shape is ignored. Scene `index` depends
    only on (seed, split, index).

    Args:
        split: any name; each split has different scenes.
        num_images: scenes in the split; None means 256 for `train` and 64 for any other.
        size: rows and columns, at least 32 each.
        seed: each seed draws different scenes.
    """

    classes = CLASSES

    def __init__(
        self,
        split: str = "train",
        *,
        num_images: int | None = None,
        size: tuple[int, int] = (96, 128),
        seed: int = 0,
    ) -> None:
        if min(size) < 32:
            raise ValueError(f"size must be at least 32 rows and columns, got {list(size)}.")
        self.split = split
        self.size = size
        self.seed = seed
        self.names = [
            f"{split}-{index:04d}"
            for index in range(_SIZES.get(split, 64) if num_images is None else num_images)
        ]

    def __len__(self) -> int:
        """Number of scenes."""
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """Scene `index`: image [*size, 3], labels [*size], name."""
        name = self.names[index]
        rng = np.random.default_rng((self.seed, zlib.crc32(self.split.encode()), index % len(self)))
        image, labels = _draw_scene(rng, self.size)
        return Sample(image, labels, name)

    def image_size(self, index: int) -> tuple[int, int]:
        """Rows and columns of scene `index`."""
        return self.size


def _draw_scene(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = size
    at_sea = bool(rng.random() < 0.5)
    horizon = int(rng.uniform(0.25, 0.5) * rows)
    image = np.empty((rows, columns, 3), np.uint8)
    labels = np.empty(size, np.uint8)
    image[:horizon] = _sky(rng, horizon)
    image[horizon:] = _sea(rng, rows - horizon) if at_sea else _land(rng, rows - horizon)
    labels[:horizon] = SKY
    labels[horizon:] = SEA if at_sea else LAND

    for _ in range(rng.integers(2, 6)):
        kind = rng.choice(3)
        label = ((TENT, BOAT)[at_sea], (BOULDER, BUOY)[at_sea], CRATE)[kind]
        radius = rng.uniform(0.08, 0.2) * min(size)
        center = rng.uniform((0, horizon), (columns, rows))
        outline = _outline(rng, kind, radius) + center
        points = np.round(outline).astype(np.int32)
        cv2.fillPoly(image, [points], rng.integers(60, 256, 3).tolist())
        cv2.fillPoly(labels, [points], label)
        cv2.polylines(labels, [points], True, IGNORED, 1)

    light = rng.uniform(0.5, 1.0)
    noise = rng.normal(0, 8, image.shape)
    return np.clip(image * light + noise, 0, 255).astype(np.uint8), labels


def _sky(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Colours [rows, 1, 3] from a blue or grey zenith to a paler horizon."""
    zenith = np.array([120, 170, 240]) + rng.uniform(-40, 15, 3)
    return zenith + np.linspace(0, 1, rows)[:, None, None] * (235 - zenith)


def _sea(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Colours [rows, 1, 3] of waves that shorten towards the horizon."""
    depth = np.linspace(0.1, 1, rows)
    waves = np.sin(rng.uniform(0, 6) + 25 / depth)[:, None, None]
    return np.array([30, 90, 150]) + rng.uniform(-20, 20, 3) + 15 * waves


def _land(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Colours [rows, 1, 3] of a meadow or a field."""
    near = np.array([(70, 130, 50), (150, 120, 70)][rng.integers(2)]) + rng.uniform(-20, 20, 3)
    return near + np.linspace(40, 0, rows)[:, None, None]


def _outline(rng: np.random.Generator, kind: int, radius: float) -> np.ndarray:
    """Corners [n, 2] (column, row) of a triangle, disc or square around the origin, tilted."""
    corners = (3, 24, 4)[kind]
    # A square must be turned by an eighth to rest on a side; a triangle already does.
    first = -np.pi / 2 + (np.pi / 4 if corners == 4 else 0) + rng.uniform(-0.2, 0.2)
    angles = first + np.arange(corners) * 2 * np.pi / corners
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
