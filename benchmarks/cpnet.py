"""Peak memory of a training step of CPNet as crops grow, against one with the whole prior.

    python -m benchmarks.cpnet [--crops 240,768] [--out docs/results/cpnet/memory]

One crop at batch 1 on the CPU, MobileNetV2 at output stride 8: forward, all losses, backward. Each
figure is from a process of its own: what the step adds to the most that it held before. The dense
form differs in the context prior alone, which is that of `benchmarks.context_prior`: the prior
[B, N, N] and the ideal affinity map made whole, the loss on probabilities. Both compute the same
loss, which is printed too. With --out, rows go to a JSON file and a chart to an SVG beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from benchmarks.context_prior import dense
from benchmarks.harness import Case, extra_memory_mib
from benchmarks.measuring import Step, environment
from benchmarks.plot import STYLE, draw, save
from contextseg import create_model
from contextseg.config import LossConfig
from contextseg.context import context_prior as layer
from contextseg.losses import SegmentationLoss
from contextseg.ops.context_prior import AffinityTerms, Context, PriorNorm
from contextseg.system.atomic_files import write_text

CROPS = (240, 320, 400, 480, 560, 640, 768)
WARM_UP = 64
STRIDE, CHANNELS, CLASSES = 8, 128, 12
FORMS = ("dense", "ours")
TITLE = "Peak memory of a training step over the pixels of a crop"


def step(form: str, crop: int) -> Step:
    """Forward, losses and backward of one crop."""
    if crop > WARM_UP:
        step(form, WARM_UP)()  # what a first call loads is not this work's memory
    torch.manual_seed(0)
    grid = crop // STRIDE
    model = create_model(
        "cpnet", backbone="mobilenetv2_100", num_classes=CLASSES, output_stride=STRIDE,
        head_channels=CHANNELS, aux_channels=64, prior_grid=(grid, grid), void="as_class",
        diagonal="remove",
    )  # fmt: skip
    if form == "dense":
        layer.context_prior = whole  # type: ignore[assignment]
    loss = SegmentationLoss.from_config(model.config, LossConfig())
    image = torch.randn(1, 3, crop, crop)
    labels = torch.randint(CLASSES, (1, 4, 4), dtype=torch.uint8)
    labels = labels.repeat_interleave(crop // 4, 1).repeat_interleave(crop // 4, 2)

    def work() -> float:
        total = loss(model(image, labels), labels)["total"]
        total.backward()
        return total.item()

    return work


def whole(
    features: Tensor, weight: Tensor, norm: PriorNorm, values: Tensor, labels: Tensor,
    key_labels: None, **options: Any,
) -> Context:  # fmt: skip
    """`context_prior` by the dense formulation; the whole loss stands in the first term."""
    intra, inter, loss = dense(features, weight, norm, labels)
    assert loss is not None
    zero = torch.zeros(())
    return Context(intra, inter, AffinityTerms(loss, zero, zero, zero, torch.ones(4)))


def main() -> None:
    """Measure every form at every crop, print, and write what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--crops", default=",".join(map(str, CROPS)), help="pixels along a side")
    parser.add_argument("--out", help="path of the results, without an ending")
    parser.add_argument("--threads", type=int, default=1, help="threads on the CPU")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)  # form and crop
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.measure:
        form, crop = options.measure
        work = step(form, int(crop))
        losses: list[object] = []
        case = Case(form, lambda: lambda: losses.append(work()))
        print(json.dumps([extra_memory_mib(case, "cpu"), *losses]))
        return
    rows = [
        measured(form, crop, options.threads)
        for crop in map(int, options.crops.split(","))
        for form in FORMS
    ]
    if options.out:
        write(Path(options.out), rows)


def measured(form: str, crop: int, threads: int) -> dict[str, Any]:
    """The figures of one form at one crop, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.cpnet", "--measure", form, str(crop)]
    # Without this the allocator keeps what the warm-up freed, and a step takes it unnoticed.
    variables = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    run = partial(subprocess.run, env=variables, capture_output=True, text=True, check=True)
    memory, loss = json.loads(run([*command, "--threads", str(threads)]).stdout.splitlines()[-1])
    row = {"form": form, "crop": crop, "pixels": crop**2, "peak_mib": round(memory, 1)}
    row |= {"kib_a_pixel": round(memory * 1024 / crop**2, 3), "loss": round(loss, 5)}
    print(f"{form:6} {crop:4}  {memory:8.1f} MiB  {row['kib_a_pixel']:6.3f} KiB a pixel  "
          f"loss {row['loss']}", flush=True)  # fmt: skip
    return row


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows with what they depend on, and a chart over the pixels of the crop."""
    text = json.dumps({"rows": rows, **environment("cpu")}, indent=1)
    write_text(path.with_suffix(".json"), text + "\n")
    write_chart(path.with_suffix(".svg"), rows)


def write_chart(path: Path, rows: list[dict[str, Any]]) -> None:
    """Peak memory of each form over the pixels of the crop, as SVG."""
    curves = {
        form: [(row["pixels"] / 1000, row["peak_mib"]) for row in rows if row["form"] == form]
        for form in FORMS
    }
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.subplots()
        draw(axes, TITLE, curves, group="memory")
        axes.set(xlabel="thousand pixels of the crop", ylabel="MiB", ylim=(0, None))
        save(figure, path)


if __name__ == "__main__":
    main()
