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

import torch
from torch import Tensor

from benchmarks.context_prior import dense
from benchmarks.harness import Case, extra_memory_mib
from benchmarks.measuring import Step, environment
from contextseg import create_model
from contextseg.config import LossConfig
from contextseg.context import context_prior as layer
from contextseg.losses import SegmentationLoss
from contextseg.ops.context_prior import AffinityTerms, Context, PriorNorm
from contextseg.report.charts import Series, line_chart
from contextseg.system.atomic_files import atomic_path

CROPS = (240, 320, 400, 480, 560, 640, 768)
WARM_UP = 64
STRIDE, CHANNELS, CLASSES = 8, 128, 12
FORMS = ("dense", "ours")
TITLE = "Peak memory of a training step over the pixels of a crop"
STYLE = (
    "svg{font-family:sans-serif;background:#fff}.grid{stroke:#ddd}.tick,.axis{fill:#555;"
    "font-size:12px}.line{fill:none;stroke-width:2}.s0{stroke:#c0392b}.s1{stroke:#2471a3}"
    ".dot.s0{fill:#c0392b}.dot.s1{fill:#2471a3}text.s0,text.s1{stroke:none}"
)


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
    loss = SegmentationLoss(model.config, LossConfig())
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
    with atomic_path(path.with_suffix(".json")) as partial_file:
        text = json.dumps({"rows": rows, **environment("cpu")}, indent=1)
        Path(partial_file).write_text(text + "\n", encoding="utf-8")
    series = [
        Series(form, [(r["pixels"] / 1000, r["peak_mib"]) for r in rows if r["form"] == form])
        for form in FORMS
    ]
    chart = line_chart(TITLE, series, x_label="thousand pixels of the crop", y_label="MiB")
    drawing = chart[chart.index("<svg") : chart.index("</svg>")]
    start = drawing.index(">") + 1
    head = drawing[:start].replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"')
    named = "".join(
        f'<text class="tick" x="60" y="{28 + 16 * i}">{"red" if i == 0 else "blue"}: {form}</text>'
        for i, form in enumerate(FORMS)
    )
    with atomic_path(path.with_suffix(".svg")) as partial_file:
        Path(partial_file).write_text(
            f"{head}<style>{STYLE}</style>{drawing[start:]}{named}</svg>\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
