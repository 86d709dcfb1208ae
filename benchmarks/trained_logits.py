"""Logits of a trained network: of the CamVid model in `models/`, on pictures in `samples/`.

They are as smooth and as sure as those of any image, while random logits are neither. Maps of more
classes, or larger ones, are laid together from maps of several pictures.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import contextseg
from contextseg.data.images import read_image

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "models" / "street"
IMAGES = ROOT / "samples" / "camvid" / "images" / "test"
CHOICE = 8.0
"""Standard deviation of what sets groups of classes apart from one another, in logits."""


@lru_cache(maxsize=1)
def maps() -> Tensor:
    """Coarse logits of the pictures, [pictures, 11, rows, columns]."""
    predictor = contextseg.load(str(MODEL), device="cpu")
    images = [read_image(path) for path in sorted(IMAGES.iterdir())]
    return torch.stack([predictor.inspect(image).coarse_logits.float().cpu() for image in images])


def trained(classes: int, size: tuple[int, int]) -> Tensor:
    """Coarse logits [1, classes, *size], on the CPU; always the same ones.

    Pictures stand side by side, every second one mirrored, so that borders meet. Classes beyond the
    model's 11 are groups of 11 from other pictures; a smooth random field decides where each group
    is likely, as different classes are in different places.
    """
    pictures = maps()
    count, known, rows, columns = pictures.shape
    random = torch.Generator().manual_seed(0)
    groups = -(-classes // known)
    down, across = -(-size[0] // rows), -(-size[1] // columns)
    layers = []
    for group in range(groups):
        lines = []
        for i in range(down):
            tiles = [
                pictures[(group + i * across + j) % count].flip([1] * (i % 2) + [2] * (j % 2))
                for j in range(across)
            ]
            lines.append(torch.cat(tiles, 2))
        layers.append(torch.cat(lines, 1)[:, : size[0], : size[1]])
    if groups > 1:
        fields = torch.randn(groups, 1, 2 * down, 2 * across, generator=random) * CHOICE
        fields = F.interpolate(fields, size, mode="bicubic")  # [groups, 1, *size]
        layers = [layer + field for layer, field in zip(layers, fields, strict=True)]
    return torch.cat(layers)[None, :classes].contiguous()
