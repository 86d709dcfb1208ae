"""What knowing the classes in a scene is worth: scores with the others ruled out.

    python -m benchmarks.oracle_presence RUN... --data DIR [--split val] [--over CLASS,...]
                                         [--limit N] [--precision bf16] [--save FILE]

Each model is scored as it is; with the classes that are not in an image's ground truth masked out
of its logits (`oracle`: no context module can gain more from the list of classes alone); and, where
it has an SE branch, with those masked out whose presence that branch gives less than 0.05 (`own`).
Prints a line of JSON for each; --save writes all of them with machine and commit.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

import contextseg
from benchmarks.measuring import environment
from contextseg.data import open_dataset
from contextseg.data.sample import Dataset
from contextseg.inference.predictor import Predictor
from contextseg.metrics import SegmentationMetrics
from contextseg.models.outputs import SegmentationOutput
from contextseg.models.segmentation import SegmentationModel
from contextseg.ops import class_presence
from contextseg.system.atomic_files import write_text
from contextseg.system.devices import choose_device
from contextseg.system.precision import resolve_precision

LEAST = 0.05
"""Presence below which `own` rules a class out."""
OUT = -1e4
"""Logit of a class that is ruled out: below all others, and finite for the upsampling."""


class Masked(nn.Module):
    """A network whose logits leave out some classes.

    `present` [L], bool, says which may be predicted; None takes those that its SE branch does not
    rule out.
    """

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model, self.config, self.multiple = model, model.config, model.multiple
        self.present: Tensor | None = None

    def forward(self, image: Tensor) -> SegmentationOutput:
        """What the network says, of the classes that may be there."""
        found = self.model(image)
        present = self.present
        if present is None:
            present = found.presence_logits[0].float().sigmoid() >= LEAST
        logits = found.coarse_logits.masked_fill(~present[None, :, None, None], OUT)
        return dataclasses.replace(found, coarse_logits=logits)


def main() -> None:
    """Score, print, and write what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folder or model file")
    parser.add_argument("--data", required=True, help="folder of the data set, or `shapes`")
    parser.add_argument("--split", default="val", help="its part to score on")
    parser.add_argument("--over", default="", help="classes that the mean is over (all)")
    parser.add_argument("--limit", type=int, help="take only so many images")
    parser.add_argument("--precision", choices=["auto", "32", "bf16"], default="32")
    parser.add_argument("--save", type=Path, metavar="FILE")
    options = parser.parse_args()
    data = open_dataset(options.data, options.split)
    names = options.over.split(",") if options.over else list(data.classes.names)
    labels = [data.classes.names.index(name) for name in names]
    precision = resolve_precision(options.precision, choose_device("auto")).precision
    rows = []
    for run in options.runs:
        predictor = contextseg.load(run, precision=precision)
        assert isinstance(predictor.model, SegmentationModel)
        for row in score(predictor, data, labels, options.limit):
            rows.append({"run": Path(run).name, "model": predictor.config.name} | row)
            print(json.dumps(rows[-1]), flush=True)
    if options.save:
        settings = {"data": Path(options.data).name, "split": options.split, "over": names}
        settings |= {"limit": options.limit, "precision": precision}
        text = json.dumps({"rows": rows, **settings, **environment("cpu")}, indent=1)
        write_text(options.save, text + "\n")


def score(
    predictor: Predictor, data: Dataset, labels: Sequence[int], limit: int | None
) -> list[dict[str, Any]]:
    """A row for each way to mask a model's logits, with mean IoU over `labels`, in 0 to 1."""
    masked = Masked(predictor.model)  # type: ignore[arg-type]
    looking = Predictor(masked, predictor.classes, predictor.device, predictor.precision)
    kinds = ["as it is", "oracle"]
    num_classes = predictor.classes.num_classes
    metrics = {}
    for index in range(min(len(data), limit or len(data))):
        sample = data[index]
        truth = torch.from_numpy(sample.labels)[None]
        presence = predictor.segment(sample.image[:64, :64]).presence_logits if not index else None
        if presence is not None:
            kinds.append("own")
        ways = {
            "as it is": torch.ones(num_classes, dtype=torch.bool),
            "oracle": class_presence(truth, num_classes)[0] > 0,
            "own": None,
        }
        for kind in kinds:
            masked.present = ways[kind]
            counted = metrics.setdefault(kind, SegmentationMetrics(num_classes))
            counted.update(looking.segment(sample.image).labels[None].cpu(), truth)
    rows = []
    for kind in kinds:
        scores = metrics[kind].compute()
        rows.append(
            {
                "classes": kind,
                "mean_iou": round(fmean(scores.iou[label] for label in labels), 4),
                "pixel_accuracy": round(scores.pixel_accuracy, 4),
            }
        )
    return rows


if __name__ == "__main__":
    main()
