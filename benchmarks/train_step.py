"""A training step of EncNet on MobileNetV2, with and without what makes it faster on a CPU.

    python -m benchmarks.train_step [--quick] [--json]

Prints seconds a step (median) and the ratio to the plain form: bfloat16 autocast as it is, and
cross-entropy of logits upsampled by `F.interpolate`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from contextseg import create_model
from contextseg.config import LossConfig
from contextseg.losses import SegmentationLoss, se_loss
from contextseg.models.backbone import Backbone
from contextseg.models.outputs import SegmentationOutput
from contextseg.models.segmentation import SegmentationModel
from contextseg.ops import upsampled_cross_entropy
from contextseg.training.float32 import keep_float32

BATCH, CROP, CLASSES = 8, 320, 11


def main() -> None:
    """Time every form in turn, several rounds of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds instead of eight")
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    options = parser.parse_args()
    forms = {
        "plain": (False, False),
        "stem and depthwise in float32": (True, False),
        "upsampled cross-entropy": (False, True),
        "both": (True, True),
    }
    steps = {name: build(*form) for name, form in forms.items()}
    times: dict[str, list[float]] = {name: [] for name in forms}
    for step in steps.values():
        step()
    for _ in range(2 if options.quick else 8):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - start)
    plain = statistics.median(times["plain"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        row = {
            "form": name,
            "seconds": round(median, 3),
            "images_per_s": round(BATCH / median, 1),
            "ratio": round(plain / median, 2),
        }
        text = f"{name:30} {row['seconds']:6.3f} s {row['images_per_s']:6.1f} images/s"
        print(json.dumps(row) if options.json else f"{text}  {row['ratio']:5.2f} x")


def build(wide: bool, strips: bool) -> Callable[[], None]:
    """A step: forward, losses, backward, update."""
    torch.manual_seed(0)
    model = create_model(
        "encnet", backbone="mobilenetv2_100", num_classes=CLASSES, output_stride=16,
        head_channels=256, aux_channels=128,
    ).to(memory_format=torch.channels_last)  # fmt: skip
    if wide:
        keep_float32(model, cast(Backbone, model.backbone), "cpu")
    optimiser = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9)
    images = torch.randn(BATCH, 3, CROP, CROP).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (BATCH, CROP, CROP), dtype=torch.uint8)
    loss = SegmentationLoss.from_config(model.config, LossConfig())

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            output = model(images)
            total = loss(output, labels)["total"] if strips else plain(model, output, labels)
        total.backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def plain(model: SegmentationModel, output: SegmentationOutput, labels: Tensor) -> Tensor:
    """The same losses, of logits upsampled as a whole."""
    assert output.aux_coarse_logits is not None
    assert output.presence_logits is not None
    main, aux = (
        upsampled_cross_entropy(logits, labels, impl="reference")
        for logits in (output.coarse_logits, output.aux_coarse_logits)
    )
    weighted = main.total / main.weight + model.config.aux_weight * aux.total / aux.weight
    return weighted + 0.2 * se_loss(output.presence_logits, labels)


if __name__ == "__main__":
    main()
