"""How efficient training on many GPUs is: a model of a step, from its time and its messages.

    python -m benchmarks.scaling [--step-ms MODEL:BATCH=MS ... --source TEXT] [--save FILE] [--json]
    python -m benchmarks.scaling --take FILE

The messages of a step are those of our networks: gradients, statistics of batch norm, and the
moments of CPNet's prior. The time of a step is measured on the GPU of this machine, or is what
`--step-ms` says it is (with `--source`, where it comes from); where there is neither, it is
estimated from the arithmetic, and the table says so. Latency and bandwidth are assumptions, which
have options; they are stated under the table. `--take` puts saved results into docs/scaling.md.
Nothing is said about slow machines, reading or congestion.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from benchmarks.measuring import environment, seconds
from contextseg import create_model
from contextseg.config import LossConfig
from contextseg.context.context_prior import ContextPrior
from contextseg.losses import SegmentationLoss
from contextseg.models.segmentation import SegmentationModel
from contextseg.system.arithmetic import gmac
from contextseg.system.atomic_files import write_text

ROOT = Path(__file__).parents[1]
RESULTS, PAGE = ROOT / "docs" / "results" / "scaling.json", ROOT / "docs" / "scaling.md"
MARKS = ("<!-- benchmarks.scaling -->", "<!-- end -->")
"""What stands around the table in the page."""
MODELS = ("encnet", "cpnet")
BACKBONE, CROP, CLASSES = "resnet101", 480, 150
BATCHES, GPUS = (2, 8), (8, 64, 256, 1024)
SCOPES = ("all", "node", "none")
FLOAT = 4
"""Bytes of a number in a message."""
ESTIMATED_TFLOPS = 100.0
"""10^12 operations a second, with which a step is estimated where none was measured: a tenth of
what an H100 is said to reach in bfloat16."""

Kind = Literal["all_reduce", "all_gather"]


@dataclass(frozen=True)
class Message:
    """What a process gives to one collective operation of a step."""

    kind: Kind
    bytes: int


@dataclass(frozen=True)
class Network:
    """What is assumed of the machines. Options of the command change it."""

    gpus: int = 8
    """GPUs of a machine."""
    latency_us: float = 20.0
    """Of a small collective within a machine, launches of its kernels included."""
    hop_us: float = 10.0
    """More for each doubling of the number of machines."""
    inside_gb: float = 300.0
    """10^9 bytes a second and GPU within a machine."""
    outside_gb: float = 40.0
    """10^9 bytes a second and GPU between machines (400 Gbit/s each, four fifths of it)."""
    overlap: float = 0.5
    """Share of a step, the backward pass, behind which the exchange of gradients hides."""
    bucket_mb: float = 25.0
    """MiB of the last gradients, which nothing is left to hide."""

    def seconds(self, message: Message, world: int) -> float:
        """Time of a collective over so many GPUs."""
        if world == 1:
            return 0.0
        machines = math.ceil(world / self.gpus)
        latency = (self.latency_us + self.hop_us * math.log2(machines)) * 1e-6
        speed = (self.inside_gb if machines == 1 else self.outside_gb) * 1e9
        passes = {"all_reduce": 2 * (world - 1) / world, "all_gather": world - 1}[message.kind]
        return latency + passes * message.bytes / speed


def gradient_bytes(model: nn.Module) -> int:
    """Bytes of all gradients, in float32."""
    return FLOAT * sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def statistics_of(model: nn.Module) -> list[Message]:
    """The messages by which a step synchronises batch norm, as PyTorch's SyncBatchNorm sends them.

    Each norm gathers mean, deviation and count of every process, and sums two gradients a channel.
    The norm of CPNet's prior is folded into its convolution: it sums the features and their
    covariance, and the gradients of both.
    """
    messages: list[Message] = []
    folded = {layer.norm for layer in model.modules() if isinstance(layer, ContextPrior)}
    for layer in model.modules():
        if isinstance(layer, ContextPrior):
            channels = layer.weight.shape[1] * layer.groups
            covariance = layer.groups * layer.weight.shape[1] ** 2
            sizes = (channels + 1, covariance, channels + covariance)
            messages += [Message("all_reduce", FLOAT * size) for size in sizes]
        elif isinstance(layer, _BatchNorm) and layer not in folded:
            channels = layer.num_features
            messages.append(Message("all_gather", FLOAT * (2 * channels + 1)))
            messages.append(Message("all_reduce", FLOAT * 2 * channels))
    return messages


def efficiency(
    step: float, gradients: int, norms: Sequence[Message], world: int, scope: str, network: Network
) -> float:
    """Time of a step on one GPU over that on each of `world` GPUs with the same share of images.

    Args:
        step: seconds on one GPU.
        gradients: their bytes.
        norms: messages of batch norm.
        world: number of GPUs.
        scope: `sync_norm`: `all`, `node` or `none`.
        network: what is assumed of it.
    """
    last = min(gradients, round(network.bucket_mb * 2**20))
    exchange = network.seconds(Message("all_reduce", gradients - last), world)
    shown = max(0.0, exchange - network.overlap * step)
    shown += network.seconds(Message("all_reduce", last), world)
    shown += network.seconds(Message("all_reduce", 2 * FLOAT), world)  # counts behind the losses
    together = {"all": world, "node": min(world, network.gpus), "none": 1}[scope]
    shown += sum(network.seconds(message, together) for message in norms)
    return step / (step + shown)


def training_step(model: SegmentationModel, batch: int) -> Callable[[], None]:
    """A step on the GPU in bfloat16: forward, losses, backward, update."""
    model = model.to("cuda", memory_format=torch.channels_last)  # pyright: ignore
    optimiser = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9)
    loss = SegmentationLoss.from_config(model.config, LossConfig()).to("cuda")
    images = torch.randn(batch, 3, CROP, CROP, device="cuda")
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (batch, CROP, CROP), dtype=torch.uint8, device="cuda")

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            total = loss(model(images, labels), labels)["total"]
        total.backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def measured(model: SegmentationModel, batch: int) -> float:
    """Seconds of a step, median of 15 after 5."""
    step = training_step(model, batch)
    times = [seconds(step, "cuda") for _ in range(20)]
    return statistics.median(times[5:])


def build(name: str) -> SegmentationModel:
    """A network as the papers train it on ADE20K."""
    torch.manual_seed(0)
    return create_model(name, backbone=BACKBONE, num_classes=CLASSES, output_stride=8)


def rows(given: dict[tuple[str, int], float], network: Network) -> list[dict[str, Any]]:
    """A row for each network and batch: messages, time of a step, and efficiencies."""
    found = []
    on_gpu = torch.cuda.is_available() and not given
    for name in MODELS:
        model = build(name)
        gradients, norms = gradient_bytes(model), statistics_of(model)
        arithmetic = gmac(model, (CROP, CROP))
        for batch in BATCHES:
            if given:
                step = given[name, batch] / 1000
            elif on_gpu:
                step = measured(model, batch)
            else:  # backward does twice the work of forward
                step = 3 * 2 * arithmetic * batch / (ESTIMATED_TFLOPS * 1000)
            found.append(
                {
                    "model": name,
                    "batch": batch,
                    "step_ms": round(1000 * step, 2),
                    "gradient_mb": round(gradients / 1e6, 1),
                    "norm_messages": len(norms),
                    "norm_mb": round(sum(message.bytes for message in norms) / 1e6, 2),
                    "efficiency": {
                        scope: {
                            str(world): round(
                                efficiency(step, gradients, norms, world, scope, network), 4
                            )
                            for world in GPUS
                        }
                        for scope in SCOPES
                    },
                }
            )
        del model
    return found


def table(results: dict[str, Any]) -> str:
    """Results as Markdown, with the assumptions below."""
    network, where = Network(**results["network"]), results["where"]
    lines = [
        f"| {BACKBONE}, crop {CROP} | images a GPU | step | gradients | batch norm | `sync_norm` | "
        + " | ".join(f"{world} GPUs" for world in GPUS)
        + " |",
        "| --- | ---: | ---: | ---: | ---: | --- | " + " | ".join("---:" for _ in GPUS) + " |",
    ]
    for row in results["rows"]:
        for scope in SCOPES:
            first = scope == SCOPES[0]
            cells = [
                row["model"],
                str(row["batch"]),
                f"{row['step_ms']:.0f} ms",
                f"{row['gradient_mb']:.0f} MB",
                f"{row['norm_messages']} messages, {row['norm_mb']:.2f} MB",
            ]
            shares = [f"{100 * row['efficiency'][scope][str(world)]:.0f} %" for world in GPUS]
            lines.append(f"| {' | '.join([*(cells if first else [''] * 5), scope, *shares])} |")
    lines += [
        "",
        f"`{results['command']}` on {where['device']}, PyTorch {where['torch']}, commit "
        f"{where['commit']}. Time of a step: {results['source']}. Assumed: {network.gpus} GPUs a "
        f"machine, {network.latency_us:g} µs for a small collective and {network.hop_us:g} µs more "
        f"for each doubling of machines, {network.inside_gb:g} GB/s a GPU within a machine and "
        f"{network.outside_gb:g} GB/s between machines; gradients hide behind "
        f"{network.overlap:.0%} of the step, but for the last {network.bucket_mb:g} MiB.",
    ]
    return "\n".join(lines)


def take(results: dict[str, Any]) -> None:
    """Keep results, and put their table into the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    write_text(RESULTS, json.dumps(results, indent=1) + "\n")
    write_text(PAGE, f"{before}{MARKS[0]}\n{table(results)}\n{MARKS[1]}{after}")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--step-ms", nargs="+", default=[], metavar="MODEL:BATCH=MS")
    parser.add_argument("--source", help="where the times of --step-ms come from")
    parser.add_argument("--save", type=Path, help="file for the results")
    parser.add_argument("--take", type=Path, help="saved results to put into the page, no more")
    parser.add_argument("--json", action="store_true", help="print one line of JSON a row")
    for name, value in asdict(Network()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    options = parser.parse_args()
    if bool(options.step_ms) != bool(options.source):
        parser.error("--step-ms needs --source, which says where the times come from")
    return options


def main() -> None:
    """Compute and print."""
    options = parse()
    if options.take:
        take(json.loads(options.take.read_text(encoding="utf-8")))
        return
    given = {}
    for text in options.step_ms:
        which, _, value = text.partition("=")
        name, _, batch = which.partition(":")
        given[name, int(batch)] = float(value)
    network = Network(**{name: getattr(options, name) for name in asdict(Network())})
    on_gpu = torch.cuda.is_available()
    source = options.source or (
        "measured on this GPU, bfloat16"
        if on_gpu
        else f"estimated from the arithmetic at {ESTIMATED_TFLOPS:g} TFLOP/s, measured nowhere"
    )
    results = {
        "command": "python -m benchmarks.scaling",
        "source": source,
        "network": asdict(network),
        "where": environment("cuda" if on_gpu else "cpu"),
        "rows": rows(given, network),
    }
    if options.save:
        write_text(options.save, json.dumps(results, indent=1) + "\n")
    if options.json:
        for row in results["rows"]:
            print(json.dumps({**row, "source": source}))
    else:
        print(table(results))


if __name__ == "__main__":
    main()
