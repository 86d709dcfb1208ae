"""Images for calibrating and verifying an export."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.config import RGB, ImagesConfig, ModelConfig
from contextseg.data.bands import read_pixels
from contextseg.data.images import ImageError
from contextseg.data.normalise import normalise, pixel_statistics
from contextseg.data.shapes import ShapesDataset
from contextseg.data.suffixes import image_suffixes
from contextseg.inference.inputs import find_images
from contextseg.models.segmentation import SMALLEST_IMAGE

logger = logging.getLogger(__name__)

Photos = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A folder of images, or their files."""

LONGEST = 640
"""Maximum pixels of an image's long side, to bound time and memory."""
FACTORS = ((1.0, 1.0), (0.61, 0.83), (2.9, 2.3), (0.87, 0.45))
"""Sizes at which a dynamic export is verified: rows and columns relative to the image's own. The
third makes several windows of each stage of a transformer out of a synthetic scene."""


def sample_images(
    photos: Photos | None, count: int, images: ImagesConfig = RGB
) -> list[np.ndarray]:
    """Up to `count` images of a folder or a list, evenly spaced; synthetic scenes for None.

    Where the network takes other images than photos, the channels of scenes are mixtures.

    Returns:
        Images [h, w, 3], uint8, RGB, or as `read_pixels` returns those that the network takes.

    Raises:
        ValueError: the folder holds no images that can be read, the list is empty, or a file in it
            cannot be read.
    """
    if photos is None:
        scenes = ShapesDataset("val")
        drawn = [scenes[index].image for index in range(min(count, len(scenes)))]
        return drawn if images.is_rgb else [_recoloured(each, images) for each in drawn]
    if isinstance(photos, str | os.PathLike):
        return _of_folder(photos, count, images)
    paths = [Path(path) for path in photos]
    if not paths:
        raise ValueError("export: images is an empty list; give a folder or files of photos.")
    return [read_pixels(paths[index], images) for index in spread(len(paths), count)]


def _recoloured(scene: np.ndarray, images: ImagesConfig) -> np.ndarray:
    """A synthetic scene with other channels: mixtures of red, green and blue."""
    mixtures = np.random.default_rng(0).dirichlet(np.ones(3), images.count)
    values = scene @ mixtures.T.astype(np.float32)
    return values if images.is_scaled else values.round().astype(np.uint8)


def _of_folder(folder: str | os.PathLike[str], count: int, kind: ImagesConfig) -> list[np.ndarray]:
    """Images of a folder; for one that cannot be read, another is taken, with a warning."""
    found = find_images([folder], suffixes=image_suffixes(kind))
    for path, reason in found.failed:
        logger.warning("left out: %s: %s", path, reason)
    paths = [each.path for each in found.images]
    # Those that are spread evenly come first, the others stand by.
    chosen = spread(len(paths), count) if paths else []
    order = [*chosen, *(index for index in range(len(paths)) if index not in chosen)]
    images: list[np.ndarray] = []
    for index in order:
        if len(images) == len(chosen):
            break
        try:
            images.append(read_pixels(paths[index], kind))
        except ImageError as error:
            logger.warning("left out: %s", error)
    if not images:
        raise ValueError(f"export: {folder} holds no image that can be read.")
    return images


def spread(total: int, count: int) -> list[int]:
    """Up to `count` of the numbers 0 to total - 1, evenly spaced, in order."""
    chosen = min(count, total)
    return [index * total // chosen for index in range(chosen)]


def normalised(
    image: np.ndarray,
    config: ModelConfig,
    size: tuple[int, int] | None = None,
    longest: int = LONGEST,
) -> Tensor:
    """Normalise an image for a network, [1, C, h, w], resized to `size` or shrunk to `longest`."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
    if size is None:
        factor = min(1.0, longest / max(image.shape[:2]))
        size = _scaled(image.shape[:2], factor, factor)
    if pixels.shape[2:] != size:
        pixels = F.interpolate(pixels, size, mode="bilinear", antialias=True)
    return normalise(pixels, pixel_statistics(config.normalisation)).contiguous()


def verification_images(
    images: Sequence[np.ndarray],
    config: ModelConfig,
    size: tuple[int, int] | None,
    longest: int = LONGEST,
) -> list[Tensor]:
    """Inputs for verifying an export.

    An export for one size gets every image at that size. A dynamic one gets each image at one of
    four sizes, all within `longest` pixels, and finally a batch of two.
    """
    if size is not None:
        return [normalised(image, config, size) for image in images]
    inputs = []
    for index, image in enumerate(images):
        plain = normalised(image, config, longest=longest)
        rows, columns = FACTORS[index % len(FACTORS)]
        height, width = _scaled(plain.shape[2:], rows, columns)
        inputs.append(normalised(image, config, (min(height, longest), min(width, longest))))
    last = inputs[-1]
    return [*inputs, torch.cat([last, last.flip(3)])]


def _scaled(size: Sequence[int], rows: float, columns: float) -> tuple[int, int]:
    return (
        max(SMALLEST_IMAGE, round(size[0] * rows)),
        max(SMALLEST_IMAGE, round(size[1] * columns)),
    )
