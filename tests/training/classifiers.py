"""A run of a classifier small enough for tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from contextseg.config import OptimConfig
from contextseg.config.classification import (
    ClassifierConfig,
    ClassifierDataConfig,
    ClassifierTrainConfig,
)
from contextseg.config.networks import DeepTENConfig


def write_textures(root: Path) -> Path:
    """Three classes of noise of different brightness, a folder each; twelve images a split."""
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for label in range(3):
            folder = root / split / f"class_{label}"
            folder.mkdir(parents=True)
            for number in range(4):
                noise = rng.integers(0, 60, (40, 44, 3)) + 60 * label
                Image.fromarray(noise.astype(np.uint8)).save(folder / f"{number}.png")
    return root


def textures_config(root: Path, run: Path, **options: object) -> ClassifierTrainConfig:
    """Two epochs of four batches each of a small Deep TEN."""
    network = DeepTENConfig(backbone="test_resnet", channels=8, num_codewords=4)
    config = ClassifierTrainConfig(
        model=ClassifierConfig(network=network, size=32),
        data=ClassifierDataConfig(root=str(root), workers=0),
        optim=OptimConfig(lr=0.05, head_lr_factor=1.0),
        out=str(run),
        epochs=2,
        batch_size=3,
        device="cpu",
        log_every=2,
        pictures=False,
    )
    return replace(config, **options)  # type: ignore[arg-type]


def write_cifar10(root: Path) -> Path:
    """CIFAR-10 in small: an image's class is its brightness."""
    root.mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        labels = np.arange(20, dtype=np.uint8) % 10
        values = 25 * labels[:, None] + rng.integers(0, 10, (20, 3072))
        rows = np.column_stack([labels, values.astype(np.uint8)])
        name = "test_batch" if number == 5 else f"data_batch_{number + 1}"
        (root / f"{name}.bin").write_bytes(rows.tobytes())
    return root
