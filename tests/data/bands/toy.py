"""A data set of four bands of 16 bits, on which a class shows in the fourth band alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

HIGHEST = 9000
SIZE = (48, 64)
Write = Callable[[Path, np.ndarray], None]


def scene(seed: int, bands: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """An image [*SIZE, bands], uint16, and its mask: 0, or 1 where the last band is bright."""
    rng = np.random.default_rng(seed)
    image = rng.integers(1000, HIGHEST // 2, (*SIZE, bands), np.uint16)
    mask = np.zeros(SIZE, np.uint8)
    top, left = rng.integers(0, SIZE[0] // 2), rng.integers(0, SIZE[1] // 2)
    mask[top : top + 20, left : left + 30] = 1
    image[..., -1] += mask.astype(np.uint16) * (HIGHEST // 2)
    return image, mask


def write_tiff(path: Path, image: np.ndarray) -> None:
    """Interleaved and compressed, as GIS programs write them."""
    import tifffile

    tifffile.imwrite(
        path.with_suffix(".tif"), image, photometric="minisblack", planarconfig="contig",
        compression="deflate", predictor=True,
    )  # fmt: skip


def write_array(path: Path, image: np.ndarray) -> None:
    np.save(path.with_suffix(".npy"), image)


def write_bands(root: Path, write: Write = write_tiff, *, train: int = 4, bands: int = 4) -> Path:
    """Images and masks of the splits train and val, and classes.json."""
    for split, seeds in (("train", range(train)), ("val", range(100, 102))):
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for seed in seeds:
            image, mask = scene(seed, bands)
            write(root / "images" / split / f"{seed}", image)
            Image.fromarray(mask).save(root / "masks" / split / f"{seed}.png")
    classes = [{"id": 0, "name": "soil"}, {"id": 1, "name": "plants"}]
    (root / "classes.json").write_text(json.dumps({"ignore_label": 255, "classes": classes}))
    return root
