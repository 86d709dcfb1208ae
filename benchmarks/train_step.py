"""A training step by model, what makes it faster, and where its time is.

    python -m benchmarks.train_step [--models NAMES] [--forms NAMES] [--precision bf16]
        [--device cuda] [--backbone NAME] [--batch B] [--crop N] [--rounds N] [--json]

Forms take turns, and the median of their processor time counts (on a GPU, of the wall-clock time).
`as trained` is what `contextseg.train` does; `without X` lacks one thing; `compiled` has `compile:
true`. `products` is the share of matrix products and convolutions, by PyTorch's profiler; `loader`
the processor time of reading and augmenting the images of a step, as a share of that of the step:
on a CPU it adds to the step, on a GPU it is divided among the data workers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.profiler import profile

from benchmarks.measuring import Step, environment, synchronise, why_not_compiled
from contextseg import create_model
from contextseg.config import AugmentConfig, EncodingConfig, LossConfig, ModelConfig, OptimConfig
from contextseg.data import open_dataset
from contextseg.data.loading import TrainingLoader, TrainingSet
from contextseg.factory import with_prior_grid
from contextseg.losses import SegmentationLoss, se_loss
from contextseg.losses.affinity_loss import affinity_sums, combined_affinity
from contextseg.losses.mean import means_over_processes
from contextseg.models.backbone import Backbone
from contextseg.models.outputs import SegmentationOutput
from contextseg.models.pointwise_convolutions import hasten_pointwise
from contextseg.models.segmentation import SegmentationModel
from contextseg.ops import upsampled_cross_entropy
from contextseg.training.float32 import keep_float32
from contextseg.training.optim import build_optimiser

SAMPLE = Path(__file__).parents[1] / "samples" / "camvid"
MODELS = ("fcn", "encnet", "encnet-paper", "cpnet", "pspnet", "deeplabv3")
PRODUCTS = ("conv", "mm", "bmm", "addmm", "baddbmm", "_linear_pointwise")
"""Parts of the names of operators that multiply."""


@dataclass(frozen=True)
class Form:
    """What a step does; the defaults are those of a training."""

    channels_last: bool = True
    pointwise: bool = True
    fused: bool = True
    upsampled: bool = True
    wide: bool = True
    compiled: bool = False


FORMS = {
    "as trained": Form(),
    "without channels last": Form(channels_last=False),
    "without fast 1x1": Form(pointwise=False),
    "without fused optimiser": Form(fused=False),
    "without upsampled loss": Form(upsampled=False),
    "without float32 parts": Form(wide=False),
    "plain": Form(channels_last=False, pointwise=False, fused=False, upsampled=False, wide=False),
    "compiled": Form(compiled=True),
}


def main() -> None:
    """Time every form of every model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--models", default=",".join(MODELS), help="names, separated by commas")
    add("--forms", default="as trained,plain", help="names, or `all`")
    add("--backbone", default="mobilenetv2_100")
    add("--stride", type=int, default=16, help="output stride")
    add("--optimiser", default="sgd")
    add("--precision", choices=["32", "bf16"], default="32")
    add("--device", choices=["cpu", "cuda"], default="cpu")
    add("--batch", type=int, default=8)
    add("--crop", type=int, default=320)
    add("--classes", type=int, default=11)
    add("--rounds", type=int, default=5)
    add("--threads", type=int, default=1)
    add("--json", action="store_true", help="print JSON lines")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    where = environment(options.device)
    print(json.dumps(where | {"instructions": torch.backends.cpu.get_cpu_capability()}))
    loading = loader_seconds(options)
    for model in options.models.split(","):
        for row in rows_of(model, loading, options):
            text = f"{row['model']:13} {row['form']:25} {row['seconds']:7.3f} s"
            text += f" {row['images_per_s']:7.2f} images/s {row['ratio']:5.2f} x"
            text += f"  products {row['products']:.0%}  loader {row['loader']:.1%}"
            print(json.dumps(row) if options.json else text, flush=True)


def rows_of(name: str, loading: float, options: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of a model; ratios are to its first form."""
    wanted = list(FORMS) if options.forms == "all" else options.forms.split(",")
    if "compiled" in wanted and (reason := why_not_compiled(options.device)):
        print(f"compiled: {reason}")
        wanted.remove("compiled")
    if options.precision == "32" and options.forms == "all":
        wanted.remove("without float32 parts")
    steps = {form: build(name, FORMS[form], options) for form in wanted}
    times: dict[str, list[float]] = {form: [] for form in steps}
    for step in steps.values():
        step()
        step()
    for _ in range(options.rounds):
        for form, step in steps.items():
            times[form].append(seconds_of(step, options.device))
    first = statistics.median(times[wanted[0]])
    rows = []
    for form, found in times.items():
        median = statistics.median(found)
        rows.append(
            {
                "model": name,
                "form": form,
                "seconds": round(median, 4),
                "images_per_s": round(options.batch / median, 2),
                "ratio": round(first / median, 3),
                "products": round(share_of_products(steps[form], options.device), 3),
                "loader": round(loading / median, 4),
            }
        )
    return rows


def seconds_of(step: Step, device: str) -> float:
    """Processor time of a step; on a GPU its wall-clock time."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    synchronise(device)
    start = clock()
    step()
    synchronise(device)
    return clock() - start


def share_of_products(step: Step, device: str) -> float:
    """Share of matrix products and convolutions in the time of a step, by the profiler."""
    field = "self_cpu_time_total" if device == "cpu" else "self_device_time_total"
    with profile() as profiled:
        step()
        synchronise(device)
    products, total = 0.0, 0.0
    for event in profiled.key_averages():
        name, spent = event.key.rsplit("::", 1)[-1], getattr(event, field)
        if device == "cpu" or "::" in event.key:  # a kernel counts with its operator
            total += spent
            products += spent if name in PRODUCTS or "conv" in name else 0
    return products / total


def loader_seconds(options: argparse.Namespace) -> float:
    """Processor time of reading and augmenting the images of a step, without workers."""
    data = open_dataset(str(SAMPLE), "train")
    config = AugmentConfig(crop=(options.crop, options.crop))
    images = TrainingSet(data, config)
    batches = iter(TrainingLoader(images, batch_size=options.batch, epochs=200, workers=0))
    next(batches)
    found = []
    for _ in range(5):
        start = time.process_time()
        next(batches)
        found.append(time.process_time() - start)
    return statistics.median(found)


def model_of(name: str, options: argparse.Namespace) -> SegmentationModel:
    """A network by the name of a row."""
    common: dict[str, Any] = {
        "backbone": options.backbone, "num_classes": options.classes,
        "output_stride": options.stride, "head_channels": 256,
    }  # fmt: skip
    if name.startswith("encnet"):
        variant = "paper" if name.endswith("paper") else "reference"
        config = ModelConfig(context=EncodingConfig(variant=variant), **common)
        return create_model(config)
    config = create_model(name, **common).config
    return create_model(with_prior_grid(config, (options.crop, options.crop)))


def build(name: str, form: Form, options: argparse.Namespace) -> Step:
    """A step: forward, losses, backward, update."""
    torch.manual_seed(0)
    device = torch.device(options.device)
    layout = torch.channels_last if form.channels_last else torch.contiguous_format
    model = model_of(name, options).to(device)
    model = model.to(memory_format=layout).train()
    half = options.precision == "bf16"
    if half and form.wide:
        keep_float32(model, cast(Backbone, model.backbone), device.type)
    if form.pointwise:
        hasten_pointwise(model)
    if form.compiled:
        cast(Any, model.backbone).compile()
    optimiser = build_optimiser(model, OptimConfig(name=options.optimiser, lr=1e-3))
    for group in optimiser.param_groups:
        group["fused"] = form.fused
    shape = (options.batch, 3, options.crop, options.crop)
    images = torch.randn(shape, device=device).contiguous(memory_format=layout)
    labels = torch.randint(options.classes, (shape[0], *shape[2:]), dtype=torch.uint8)
    labels = labels.to(device)
    loss = SegmentationLoss.from_config(model.config, LossConfig()).to(device)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            output = model(images, labels)
            total = loss(output, labels)["total"] if form.upsampled else plain(loss, output, labels)
        total.backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def plain(loss: SegmentationLoss, output: SegmentationOutput, labels: Tensor) -> Tensor:
    """The same losses, of logits upsampled as a whole."""

    def entropy(logits: Tensor) -> Tensor:
        found = upsampled_cross_entropy(logits, labels, impl="reference")
        return found.total / found.weight

    total = entropy(output.coarse_logits)
    if output.aux_coarse_logits is not None:
        total = total + loss.aux_weight * entropy(output.aux_coarse_logits)
    for presence in (output.presence_logits, output.aux_presence_logits):
        if presence is not None:
            total = total + loss.se_weight * se_loss(presence, labels)
    if output.affinity is not None:
        means = means_over_processes(affinity_sums(output.affinity))
        affinity = combined_affinity(means, loss.unary_weight, loss.global_weight)
        total = total + loss.affinity_weight * affinity
    return total


if __name__ == "__main__":
    main()
