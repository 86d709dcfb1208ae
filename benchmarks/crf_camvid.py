"""A model's scores before and after a CRF, with options chosen on training images.

    python -m benchmarks.crf_camvid MODEL --data CAMVID [--choose 24] [--limit N] [--write]

Each of `SETTINGS` refines the probabilities of evenly spread images of the train split, and the one
with the highest mIoU is chosen. Then the val split is scored without a CRF, with the defaults, with
the chosen options, and by a single pass in a window. All rows start from the same probabilities.
Prints a table in Markdown; --write puts it into docs/ops/crf.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

import contextseg
from benchmarks.harness import quoted
from benchmarks.measuring import environment
from contextseg.config import CRFConfig
from contextseg.data import open_dataset
from contextseg.data.sample import Dataset
from contextseg.inference.crf import with_crf
from contextseg.inference.predictor import Predictor
from contextseg.metrics import SegmentationMetrics
from contextseg.system.atomic_files import write_text

PAGE = Path(__file__).parents[1] / "docs" / "ops" / "crf.md"
MARKS = "<!-- table: python -m benchmarks.crf_camvid -->\n", "<!-- end of table -->\n"
LOCAL = CRFConfig(iterations=1, reach=5, position=3)
"""A single pass in a window of 11 x 11 pixels, as in DPN."""
SETTINGS = [
    CRFConfig(appearance=appearance, smoothness=smoothness, position=position, colour=colour)
    for appearance, smoothness, position, colour in (
        (2, 1, 20, 5), (2, 1, 20, 10), (2, 1, 60, 5), (2, 1, 60, 10), (2, 1, 60, 20),
        (1, 1, 60, 10), (5, 3, 60, 10), (0.5, 0.5, 20, 5), (0, 1, 60, 10),
    )
]  # fmt: skip
"""Options to choose from; the first are the defaults."""


def main() -> None:
    """Choose, score, print, and write what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="run folder or model file")
    parser.add_argument("--data", required=True, help="folder of the data set")
    parser.add_argument("--choose", type=int, default=24, help="training images to choose on")
    parser.add_argument("--limit", type=int, help="take only so many images of val, evenly spread")
    parser.add_argument("--device", default="auto", help="where to run")
    parser.add_argument("--write", action="store_true", help=f"rewrite the table in {PAGE.name}")
    options = parser.parse_args()
    predictor = contextseg.load(options.model, device=options.device)
    train = score(predictor, open_dataset(options.data, "train"), SETTINGS, options.choose)
    for crf, row in zip(SETTINGS, train, strict=True):
        print(f"{crf}: mIoU {100 * row['mean_iou']:.2f} on training images", flush=True)
    chosen = SETTINGS[max(range(len(SETTINGS)), key=lambda i: train[i]["mean_iou"])]
    ways = {
        "none": None,
        "defaults": SETTINGS[0],
        f"chosen: {words(chosen)}": chosen,
        f"one pass in a window: {words(LOCAL)}": LOCAL,
    }
    data = open_dataset(options.data, "val")
    rows = score(predictor, data, list(ways.values()), options.limit)
    text = table(dict(zip(ways, rows, strict=True)))
    images = min(options.limit or len(data), len(data))
    text += "\n" + origin(predictor, images, options.choose)
    print(text)
    if options.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        write_text(PAGE, f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}")


def score(
    predictor: Predictor, data: Dataset, ways: list[CRFConfig | None], limit: int | None
) -> list[dict[str, float]]:
    """Scores of each way over `limit` images, and seconds per image of the CRF."""
    metrics = [SegmentationMetrics(data.classes.num_classes, boundaries=True) for _ in ways]
    seconds = [0.0] * len(ways)
    images = 0
    for image, probabilities, labels in predicted(predictor, data, limit):
        images += 1
        for i, crf in enumerate(ways):
            start = time.perf_counter()
            found = probabilities
            if crf is not None:
                found = with_crf(found, image, crf, predictor.config, predictor.max_pixels)
            best = found.argmax(0).cpu()
            seconds[i] += time.perf_counter() - start
            metrics[i].update(best[None], labels[None])
    rows = []
    for metric, spent in zip(metrics, seconds, strict=True):
        scores = metric.compute()
        assert metric.boundary is not None
        edges = float(metric.boundary.compute().nanmean())
        row = {"mean_iou": scores.mean_iou, "boundary_iou": edges}
        rows.append(row | {"pixel_accuracy": scores.pixel_accuracy, "seconds": spent / images})
    return rows


def predicted(
    predictor: Predictor, data: Dataset, limit: int | None
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Image [3, h, w], probabilities [L, h, w] and labels [h, w] of evenly spread images."""
    count = min(limit or len(data), len(data))
    for number in range(count):
        sample = data[number * len(data) // count]
        image = torch.from_numpy(sample.image).permute(2, 0, 1)
        strips = [part for _, _, part in predictor.probability_strips(image)]
        yield image, torch.cat(strips, dim=1), torch.from_numpy(sample.labels)


def words(crf: CRFConfig) -> str:
    """The options that differ from the defaults."""
    text = repr(crf).removeprefix("CRFConfig(").removesuffix(")")
    return ", ".join(text.split()).replace(",,", ",") if text else "the defaults"


def table(rows: dict[str, dict[str, float]]) -> str:
    """A line for each way, in Markdown."""
    lines = ["| CRF | mIoU | boundary IoU | pixel accuracy | seconds per image |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for name, row in rows.items():
        values = (row[key] for key in ("mean_iou", "boundary_iou", "pixel_accuracy"))
        cells = [f"{100 * value:.2f}" for value in values]
        seconds = "" if name == "none" else f"{row['seconds']:.2f}"
        lines.append(f"| {' | '.join([name, *cells, seconds])} |")
    return "\n".join(lines) + "\n"


def origin(predictor: Predictor, images: int, chosen_on: int) -> str:
    """How the table was made."""
    command = " ".join(["python -m benchmarks.crf_camvid", *map(quoted, shown(sys.argv[1:]))])
    where = environment(predictor.device.type)
    return (
        f"`{command}`: {images} images of val, options chosen on {chosen_on} images of train; "
        f"{predictor.config.title} on {predictor.config.backbone}; {where['device']}, "
        f"{where['threads']} threads, PyTorch {where['torch']}, commit {where['commit']}.\n"
    )


def shown(arguments: list[str]) -> list[str]:
    """Arguments with the last part of each path only."""
    return [Path(each).name if "/" in each else each for each in arguments]


if __name__ == "__main__":
    main()
