"""Images a second of `predict` and `batch`, of one step after the other, and of the network alone.

    python -m benchmarks.predict [--model DIR] [--images DIR] [--wait MS] [--rounds N] [--json]

All segment the same images; they take turns, and the median of the rounds counts. The network
alone has the images in memory and writes nothing. With `--wait` the network is one that sleeps for
so many milliseconds an image, as the caller of a GPU does: it takes no core from the threads.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import contextseg
from contextseg.data.images import read_image
from contextseg.inference.batch.options import BatchOptions
from contextseg.inference.batch.run import batch_files
from contextseg.inference.inputs import find_images
from contextseg.inference.predict_files import predict_files
from contextseg.inference.predictor import Predictor, Segmentation
from contextseg.inference.records import Records

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "models" / "street"
IMAGES = ROOT / "samples" / "camvid" / "images"


class Waiting(Predictor):
    """A predictor that sleeps instead of running its network; labels are bands of rows."""

    wait = 0.0

    def segment(self, image: Any, **options: Any) -> Segmentation:
        """Labels that depend on the rows alone, after a while."""
        time.sleep(self.wait / 1000)
        height, width = image.shape[:2]
        rows = torch.arange(height, dtype=torch.uint8).div(64, rounding_mode="floor")
        return Segmentation(rows[:, None].expand(height, width) % self.classes.num_classes, None)


def serial(predictor: Predictor, images: list[Path], out: Path, pictures: bool) -> None:
    """What `predict` did before it had threads."""
    with Records(out / "predictions.jsonl", key="mask") as records:
        for path in images:
            prediction = predictor(read_image(path))
            prediction.save_mask(out / "masks" / f"{path.stem}.png")
            if pictures:
                prediction.save_overlay(out / "overlays" / f"{path.stem}.jpg")
            records.append({"mask": path.stem, **prediction.to_dict()})


def ways(predictor: Predictor, options: argparse.Namespace) -> dict[str, Callable[[Path], object]]:
    """What is measured, by name; each gets an empty folder."""
    images = [image.path for image in find_images([options.images]).images]
    decoded: list[np.ndarray] = [read_image(path) for path in images]
    steps: dict[str, Callable[[Path], object]] = {
        "the network alone": lambda out: [predictor(image) for image in decoded],
        "one after the other, masks": lambda out: serial(predictor, images, out, False),
        "predict, masks": lambda out: predict_files(predictor, images, out, overlays=False),
        "one after the other, overlays": lambda out: serial(predictor, images, out, True),
        "predict, overlays": lambda out: predict_files(predictor, images, out),
    }
    if options.wait is None:
        size = BatchOptions(shard_size=-(-len(images) // 4), engine="ranks")
        steps["batch, in this process"] = lambda out: batch_files(
            options.model, options.images, out, size
        )
    return steps


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=str(MODEL))
    parser.add_argument("--images", default=str(IMAGES))
    parser.add_argument("--wait", type=float, metavar="MS")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    predictor = contextseg.load(options.model)
    if options.wait is not None:
        predictor.__class__, Waiting.wait = Waiting, options.wait
    steps = ways(predictor, options)
    number = len(find_images([options.images]).images)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(options.rounds):
        for name, step in steps.items():
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                step(Path(folder) / "out")
                times[name].append(time.perf_counter() - start)
    speeds = {name: number / statistics.median(seconds) for name, seconds in times.items()}
    if options.json:
        print(json.dumps(speeds))
        return
    print(f"{number} images, {torch.get_num_threads()} threads, images/s:")
    for name, speed in speeds.items():
        print(f"  {name:30} {speed:8.1f}")


if __name__ == "__main__":
    main()
