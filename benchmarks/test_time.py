"""What can be had from a trained model at test time: other scales, the mirror image, class priors.

    python -m benchmarks.test_time MODEL --data DIR [--split val] [--train train] [--limit N]
                                   [--precision bf16] [--save FILE]

Each row is the model with one change: probabilities averaged over scales or the mirror image, or
multiplied by a power of how often each class is in the training split (`prior ^ 0.2`). A model that
learned with class weights predicts rare classes too often; such a factor takes that back, without
training. `over` has predicted over true pixels of each class. Prints a line of JSON for each row.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import contextseg
from benchmarks.measuring import environment
from contextseg.data import open_dataset
from contextseg.data.sample import Dataset
from contextseg.evaluation.logit_adjustment import class_frequencies
from contextseg.inference.predictor import Predictor
from contextseg.metrics import SegmentationMetrics
from contextseg.system.atomic_files import write_text

SCALES = (0.75, 1.0, 1.25)
POWERS = (0.1, 0.2, 0.3, 0.5)


def main() -> None:
    """Score every row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("model")
    add("--data", required=True)
    add("--split", default="val")
    add("--train", default="train", help="split whose pixels the prior is counted in")
    add("--limit", type=int, help="score only the first images")
    add("--precision", choices=["32", "bf16"], default="32")
    add("--save", type=Path)
    options = parser.parse_args()
    predictor = contextseg.load(options.model, device="cpu", precision=options.precision)
    assert isinstance(predictor, Predictor)
    data = open_dataset(options.data, options.split)
    prior = class_frequencies(open_dataset(options.data, options.train))
    rows = []
    for row in scored(predictor, data, prior, options.limit):
        print(json.dumps(row), flush=True)
        rows.append(row)
    if options.save:
        found = {
            "model": options.model,
            "data": Path(options.data).name,
            "split": options.split,
            "precision": options.precision,
            "where": environment("cpu"),
            "images": options.limit or len(data),
            "prior": [round(share, 5) for share in prior.tolist()],
            "rows": rows,
        }
        write_text(options.save, json.dumps(found, indent=1) + "\n")


def scored(
    predictor: Predictor, data: Dataset, prior: Tensor, limit: int | None
) -> list[dict[str, Any]]:
    """A row for each change."""
    views: dict[str, dict[str, Any]] = {
        "one scale": {},
        "mirror image": {"flip": True},
        "three scales": {"scales": SCALES},
        "three scales, mirror images": {"scales": SCALES, "flip": True},
    }
    names = [*views, *(f"prior ^ {power}" for power in POWERS)]
    metrics = {name: SegmentationMetrics(data.classes.num_classes) for name in names}
    for i in range(limit or len(data)):
        sample = data[i]
        labels = torch.from_numpy(sample.labels)[None]
        for name, how in views.items():
            probabilities = predictor.probabilities(sample.image, **how)
            metrics[name].update(probabilities.argmax(0)[None], labels)
            if not how:
                for power in POWERS:
                    weighted = probabilities * (prior**power)[:, None, None]
                    metrics[f"prior ^ {power}"].update(weighted.argmax(0)[None], labels)
    rows = []
    for name, metric in metrics.items():
        confusion = metric.compute().confusion.double()  # true by predicted
        over = confusion.sum(0) / confusion.sum(1)
        rows.append(
            {
                "form": name,
                "mean_iou": round(100 * metric.compute().mean_iou, 2),
                "pixel_accuracy": round(100 * metric.compute().pixel_accuracy, 2),
                "over": dict(zip(data.classes.names, over.round(decimals=3).tolist(), strict=True)),
            }
        )
    return rows


if __name__ == "__main__":
    main()
