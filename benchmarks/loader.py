"""Images a second that the training loader gives, against torchvision's and PIL's way.

    python -m benchmarks.loader [--data PATH] [--crop N] [--quick] [--json]

All three read the same files and do the same: random scale 0.5 to 2, rotation up to 10 degrees,
crop with padding, mirror, batches of 8. They take turns, several times over, and the median of
each counts; the ratios are worth more than the figures.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from contextseg.config import AugmentConfig
from contextseg.data import open_dataset
from contextseg.data.folder import FolderDataset
from contextseg.data.loading import TrainingLoader, TrainingSet
from contextseg.data.pairing import ListedDataset

SAMPLE = Path(__file__).parents[1] / "samples" / "camvid"
BATCH = 8
FILL = (124, 116, 104)
Files = FolderDataset | ListedDataset
"""A dataset whose files others can read."""


class Rival(Dataset[dict[str, Any]]):
    """What both others have in common: reading with PIL, and the draw of the scale."""

    def __init__(self, data: Files, config: AugmentConfig, length: int) -> None:
        self.data = data
        self.config = config
        self.length = length

    def __len__(self) -> int:
        return self.length

    def read(self, index: int) -> tuple[Image.Image, Image.Image, tuple[int, int]]:
        """Image, mask, and the rows and columns to scale them to."""
        index %= len(self.data)
        image = Image.open(self.data.image_path(index)).convert("RGB")
        mask = Image.open(self.data.mask_path(index))
        low, high = map(math.log, self.config.scale)
        scale = math.exp(random.uniform(low, high))
        return image, mask, (round(image.height * scale), round(image.width * scale))


class ByTorchvision(Rival):
    """torchvision's transforms v2 on tensors."""

    def __init__(self, data: Files, config: AugmentConfig, length: int) -> None:
        super().__init__(data, config, length)
        fill: dict[Any, Any] = {tv_tensors.Image: FILL, tv_tensors.Mask: 255}
        turns = (-config.rotation, config.rotation)
        self.transform = v2.Compose(
            [
                v2.RandomRotation(turns, interpolation=v2.InterpolationMode.BILINEAR, fill=fill),
                v2.RandomCrop(config.crop, pad_if_needed=True, fill=fill),
                v2.RandomHorizontalFlip(config.flip),
            ]
        )

    def __getitem__(self, index: int) -> dict[str, Any]:
        image, mask, size = self.read(index)
        pair = v2.functional.to_image(image), tv_tensors.Mask(np.array(mask))
        image, mask = self.transform(*(v2.functional.resize(one, list(size)) for one in pair))
        return {"image": image.as_subclass(torch.Tensor), "labels": mask.as_subclass(torch.Tensor)}


class ByPIL(Rival):
    """PIL's methods, one after the other, as older training code does."""

    def __getitem__(self, index: int) -> dict[str, Any]:
        image, mask, (rows, columns) = self.read(index)
        image = image.resize((columns, rows), Image.Resampling.BILINEAR)
        mask = mask.resize((columns, rows), Image.Resampling.NEAREST)
        angle = random.uniform(-self.config.rotation, self.config.rotation)
        image = image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=FILL)
        mask = mask.rotate(angle, Image.Resampling.NEAREST, fillcolor=255)
        height, width = self.config.crop
        padding = (0, 0, max(0, width - columns), max(0, height - rows))
        image, mask = ImageOps.expand(image, padding, FILL), ImageOps.expand(mask, padding, 255)
        left, top = (
            random.randint(0, image.width - width),
            random.randint(0, image.height - height),
        )
        box = (left, top, left + width, top + height)
        image, mask = image.crop(box), mask.crop(box)
        if random.random() < self.config.flip:
            image, mask = ImageOps.mirror(image), ImageOps.mirror(mask)
        return {
            "image": torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous(),
            "labels": torch.from_numpy(np.array(mask)),
        }


def loader(way: str, data: Files, images: int, workers: int, crop: int = 320) -> DataLoader[Any]:
    """A loader of about so many images."""
    config = AugmentConfig(crop=(crop, crop))
    if way == "contextseg":
        epochs = max(1, round(images / (len(data) // BATCH * BATCH)))
        return TrainingLoader(
            TrainingSet(data, config), batch_size=BATCH, epochs=epochs, workers=workers
        )
    rival = {"torchvision v2": ByTorchvision, "PIL": ByPIL}[way](data, config, images)
    return DataLoader(rival, BATCH, shuffle=True, drop_last=True, num_workers=workers)


def images_per_second(loader: DataLoader[Any]) -> float:
    """Speed after the first batch, which waits for the workers to start."""
    batches = iter(loader)
    next(batches)
    start = time.perf_counter()
    count = sum(len(batch["image"]) for batch in batches)
    return count / (time.perf_counter() - start)


def measure(
    data: Files, images: int, repeats: int, workers: tuple[int, ...], crop: int = 320
) -> list[dict[str, Any]]:
    """One row for each number of workers and way, with its speed and what ours is of it."""
    rows = []
    for number in workers:
        speeds: dict[str, list[float]] = {"contextseg": [], "torchvision v2": [], "PIL": []}
        for _ in range(repeats):
            for way, measured in speeds.items():
                measured.append(images_per_second(loader(way, data, images, number, crop)))
        ours = statistics.median(speeds["contextseg"])
        for way, measured in speeds.items():
            speed = statistics.median(measured)
            rows.append(
                {"workers": number, "way": way, "images_per_second": speed, "ratio": ours / speed}
            )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Compare the speed of training loaders.")
    parser.add_argument("--data", default=str(SAMPLE), help="dataset with a split `train`")
    parser.add_argument("--crop", type=int, default=320, help="rows and columns of a crop")
    parser.add_argument("--quick", action="store_true", help="one short turn instead of three")
    parser.add_argument("--json", action="store_true", help="print one line of JSON a row")
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = open_dataset(args.data, "train")
    assert isinstance(data, Files)  # drawn scenes have none
    rows = measure(data, 96 if args.quick else 480, 1 if args.quick else 3, (1, 2), args.crop)
    for row in rows:
        if args.json:
            print(json.dumps(row))
        else:
            print(
                f"{row['workers']} workers  {row['way']:15} {row['images_per_second']:7.1f} "
                f"images/s  contextseg is {row['ratio']:.1f} times as fast"
            )


if __name__ == "__main__":
    main()
