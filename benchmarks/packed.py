"""Images a second from a folder, from its pack, and from its pack behind a URL.

    python -m benchmarks.packed [--data PATH] [--images N] [--rounds N] [--json]

The data set is packed into a temporary folder. The ways take turns, and the median of the rounds
counts. "bytes" reads the files of image and mask; "samples" decodes them as well: both in seconds
of a core, which other programs do not stretch. "training" is the whole loader with its
augmentation, in so many worker processes, by the clock. The files are in the memory of the
system: a disk or a network adds its own time, more for many files than for few. The URL is
`file://`; it stands for what the cache costs once everything is fetched.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.loader import SAMPLE, images_per_second
from contextseg.config import AugmentConfig
from contextseg.data import open_dataset
from contextseg.data.loading import TrainingLoader, TrainingSet
from contextseg.data.packed.dataset import PackedDataset
from contextseg.data.packed.pack import pack_dataset

BATCH = 8


def read_bytes(data: Any, index: int) -> None:
    """Both files of a sample, as they are stored."""
    if isinstance(data, PackedDataset):
        data.stored(index, "image")
        data.stored(index, "mask")
    else:
        data.image_path(index).read_bytes()
        data.mask_path(index).read_bytes()


def timed(step: Callable[[Any, int], object], data: Any, images: int) -> float:
    """Images in a second of one core, of a step that takes the data set and an index."""
    start = time.process_time()
    for index in range(images):
        step(data, index * 7919 % len(data))  # out of order, as training reads
    return images / (time.process_time() - start)


def training(data: Any, images: int, workers: int) -> float:
    """Images a second of the training loader."""
    epochs = max(1, round(images / (len(data) // BATCH * BATCH)))
    augmented = TrainingSet(data, AugmentConfig(crop=(320, 320)))
    return images_per_second(
        TrainingLoader(augmented, batch_size=BATCH, epochs=epochs, workers=workers)
    )


def measure(root: str, images: int, rounds: int) -> list[dict[str, Any]]:
    """A row for each step, with the images a second of each way."""
    with tempfile.TemporaryDirectory() as folder:
        pack = Path(folder) / "pack"
        start = time.perf_counter()
        report = pack_dataset(root, pack)
        seconds = time.perf_counter() - start
        os.environ["CONTEXTSEG_CACHE"] = str(Path(folder) / "cache")
        places = {"folder": root, "pack": str(pack), "URL": pack.as_uri()}
        sets = {name: open_dataset(place, "train") for name, place in places.items()}
        for data in sets.values():
            timed(read_bytes, data, len(data))  # fetch, and fill the memory of the system
        steps: dict[str, Callable[[Any], float]] = {
            "bytes": lambda data: timed(read_bytes, data, 20 * images),
            "samples": lambda data: timed(lambda d, i: d[i], data, images),
            "training, 1 worker": lambda data: training(data, images, 1),
            "training, 2 workers": lambda data: training(data, images, 2),
        }
        rows: list[dict[str, Any]] = [
            {"step": "packing", "folder": sum(report.images.values()) / seconds}
        ]
        for name, step in steps.items():
            speeds: dict[str, list[float]] = {way: [] for way in sets}
            for _ in range(rounds):
                for way, data in sets.items():
                    speeds[way].append(step(data))
            medians = {way: statistics.median(found) for way, found in speeds.items()}
            rows.append({"step": name, **medians})
        return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=str(SAMPLE), help="data set with a split `train`")
    parser.add_argument("--images", type=int, default=400, help="images of a turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one line of JSON a row")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for row in measure(options.data, options.images, options.rounds):
        if options.json:
            print(json.dumps(row))
            continue
        step = row.pop("step")
        speeds = "  ".join(f"{way} {speed:10,.0f}" for way, speed in row.items())
        print(f"{step:20} {speeds} images/s")


if __name__ == "__main__":
    main()
