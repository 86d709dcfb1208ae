"""A run small enough for tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from contextseg.config import AugmentConfig, DataConfig, EncodingConfig, ModelConfig, TrainConfig
from contextseg.data.folder import FolderDataset, write_folder
from contextseg.data.shapes import ShapesDataset
from contextseg.training.callbacks.monitor import Progress


def write_data(root: Path) -> None:
    """Sixteen synthetic scenes to train on and four to validate on, as a folder."""
    for split, images in (("train", 16), ("val", 4)):
        write_folder(ShapesDataset(split, num_images=images, size=(48, 64)), root, split)
    assert len(FolderDataset(root, "train")) == 16


def write_noise(root: Path, mask: Callable[[str, int], np.ndarray], classes: list[str]) -> None:
    """Four images of noise to train on and four to validate on, with masks of your own.

    Args:
        root: folder to write to.
        mask: ids [48, 64] of an image by split and number.
        classes: names by id; 255 is ignored.
    """
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for i in range(4):
            image = rng.integers(0, 256, (48, 64, 3), np.uint8)
            Image.fromarray(image).save(root / f"images/{split}/{i}.png")
            Image.fromarray(mask(split, i)).save(root / f"masks/{split}/{i}.png")
    listed = [{"id": i, "name": name} for i, name in enumerate(classes)]
    (root / "classes.json").write_text(json.dumps({"ignore_label": 255, "classes": listed}))


def tiny(root: Path, run: Path, **options: object) -> TrainConfig:
    """Two epochs of four batches each on a network of some 100,000 weights."""
    config = TrainConfig(
        model=ModelConfig(
            context=EncodingConfig(num_codewords=4),
            backbone="test_resnet",
            output_stride=16,
            head_channels=16,
            aux_channels=8,
        ),
        data=DataConfig(root=str(root), workers=0),
        augment=AugmentConfig(crop=(48, 64)),
        out=str(run),
        epochs=2,
        batch_size=4,
        precision="32",
        device="cpu",
        log_every=2,
        pictures=False,  # test_pictures.py tests them
    )
    return replace(config, **options)  # type: ignore[arg-type]


def main(data: str, out: str, resume: str, workers: str) -> None:
    """A run as a process of its own, which tells of every batch on standard output."""
    import torch

    from contextseg.training.train import train

    def watch(progress: Progress) -> None:
        print("validating" if progress.validating else "batch", progress.batch, flush=True)

    torch.set_num_threads(1)
    config = tiny(
        Path(data), Path(out), ema_decay=0.9, checkpoint_every=3,
        data=DataConfig(root=data, workers=int(workers)),
    )  # fmt: skip
    train(config, resume=resume == "resume", progress=False, watch=watch)
