"""Scores of a trained CPNet at sizes other than that of its training, by each resolution policy.

    python -m benchmarks.resolution RUN --data CAMVID [--split val] [--scales 0.5,1,1.5]
                                    [--limit N] [--precision bf16] [--out docs/results/resolution]

RUN is a run folder or a model file. Images are looked at in each scale of their own size, whole, by
`pooled` values and by `bilinear` and `bicubic` keys; and in sliding windows of the size of the
training crop, where no policy is needed. Scores are of masks at the images' own sizes. Prints a
table in Markdown; --out also writes rows to a JSON file and the table beside it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

import torch

import contextseg
from benchmarks.measuring import environment
from contextseg.context.context_prior import ContextPrior, Resolution
from contextseg.context.cpnet import CPNetContext
from contextseg.factory import feature_stride
from contextseg.models.backbone import Backbone
from contextseg.models.segmentation import SegmentationModel
from contextseg.system.atomic_files import atomic_path

WINDOWS = "windows"
POLICIES = (*get_args(Resolution), WINDOWS)


def main() -> None:
    """Score, print, and write what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="run folder or model file of a CPNet")
    parser.add_argument("--data", required=True, help="folder of the data set, or `shapes`")
    parser.add_argument("--split", default="val", help="its part to score on")
    parser.add_argument("--scales", default="0.5,0.75,1,1.25,1.5", help="factors of image sizes")
    parser.add_argument("--policies", default=",".join(POLICIES), help="those to compare")
    parser.add_argument("--limit", type=int, help="take only so many images")
    parser.add_argument("--precision", choices=["auto", "32", "bf16"], default="32")
    parser.add_argument("--device", default="auto", help="where to run")
    parser.add_argument("--out", help="path of the results, without an ending")
    options = parser.parse_args()
    predictor = contextseg.load(options.run, device=options.device, precision=options.precision)
    prior, window = layer_of(predictor.model)
    scales = [float(scale) for scale in options.scales.split(",")]
    rows = []
    for policy in options.policies.split(","):
        if policy not in POLICIES:
            parser.error(f"--policies: must be of {', '.join(POLICIES)}, got {policy}.")
        if policy != WINDOWS:
            prior.resolution = policy
        for scale in scales:
            start = time.perf_counter()
            scores = contextseg.evaluate(
                predictor,
                options.data,
                split=options.split,
                scales=(scale,),
                window=window if policy == WINDOWS else None,
                limit=options.limit,
            )
            seconds = time.perf_counter() - start
            row = {"policy": policy, "scale": scale, "mean_iou": scores.mean_iou}
            row |= {"pixel_accuracy": scores.pixel_accuracy, "seconds": round(seconds, 1)}
            rows.append(row)
            print(json.dumps(row), flush=True)
    text = table(rows, scales)
    print("\n" + text)
    if options.out:
        settings = {"grid": list(prior.grid), "window": list(window)}
        settings |= {"run": Path(options.run).name, "data": Path(options.data).name}
        settings |= {"split": options.split, "limit": options.limit}
        settings |= {"precision": predictor.precision, **environment(predictor.device.type)}
        write(Path(options.out), {"rows": rows, **settings}, text)


def layer_of(model: torch.nn.Module) -> tuple[ContextPrior, tuple[int, int]]:
    """The Context Prior Layer of a model, and the rows and columns of the crop it was made for."""
    context = getattr(model, "context", None)
    if not isinstance(context, CPNetContext) or not isinstance(model, SegmentationModel):
        raise SystemExit("resolution: the run must be of a CPNet.")
    stride = feature_stride(model.config, cast(Backbone, model.backbone))
    rows, columns = context.prior.grid
    return context.prior, (rows * stride, columns * stride)


def table(rows: Sequence[dict[str, Any]], scales: Sequence[float]) -> str:
    """Mean IoU in percent, a line a policy and a column a scale, in Markdown."""
    lines = ["| mIoU at scale | " + " | ".join(f"{scale:g}" for scale in scales) + " |"]
    lines.append("|---" * (len(scales) + 1) + "|")
    for policy in dict.fromkeys(row["policy"] for row in rows):
        found = [f"{100 * r['mean_iou']:.2f}" for r in rows if r["policy"] == policy]
        lines.append(f"| {policy} | " + " | ".join(found) + " |")
    return "\n".join(lines)


def write(path: Path, results: dict[str, Any], text: str) -> None:
    """Results as JSON, the table as Markdown."""
    for ending, content in ((".json", json.dumps(results, indent=1)), (".md", text)):
        with atomic_path(path.with_suffix(ending)) as partial:
            Path(partial).write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
