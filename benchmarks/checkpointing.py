"""Memory and time of a training step with and without gradient checkpointing, in the same run.

    python -m benchmarks.checkpointing

Each row is measured in a process of its own, on the CPU in float32: by how much the largest memory
held grows over two steps of SGD, and the processor time of the second.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import torch

import contextseg
from contextseg.losses import SegmentationLoss
from contextseg.models.checkpointing import checkpoint_gradients, track_once

BACKBONES = ("mobilenetv2_100", "resnet50", "convnext_tiny", "vit_small_patch16_224")
SIZE, BATCH, CLASSES, STEPS = 192, 2, 21, 2


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", help="measure this one alone, and print numbers")
    parser.add_argument("--checkpointing", action="store_true", help="with --backbone: switch on")
    options = parser.parse_args()
    if options.backbone:
        print(*measured(options.backbone, options.checkpointing))
        return
    print("| backbone | memory | checkpointed | processor time |\n|---|---|---|---|")
    for backbone in BACKBONES:
        (memory, seconds), (less, slower) = (in_process(backbone, on) for on in (False, True))
        print(
            f"| `{backbone}` | {memory / 2**20:.0f} MiB | {less / 2**20:.0f} MiB "
            f"| {slower / seconds:.2f} times |",
            flush=True,
        )


def in_process(backbone: str, checkpointing: bool) -> tuple[float, float]:
    """As `measured`, in a process that has done nothing else."""
    words = [sys.executable, "-m", "benchmarks.checkpointing", "--backbone", backbone]
    words += ["--checkpointing"] * checkpointing
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    memory, seconds = done.stdout.split()
    return float(memory), float(seconds)


def measured(backbone: str, checkpointing: bool) -> tuple[int, float]:
    """Bytes by which the peak memory grows, and the processor's seconds in the last step."""
    model = contextseg.create_model("encnet", backbone=backbone, num_classes=CLASSES).train()
    if checkpointing:
        checkpoint_gradients(model)
        track_once(model)
    loss = SegmentationLoss(CLASSES)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    images = torch.rand(BATCH, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (BATCH, SIZE, SIZE), dtype=torch.uint8)
    before, seconds = peak(), 0.0
    for _ in range(STEPS):
        start = time.process_time()
        optimiser.zero_grad()
        loss(model(images), labels)["total"].backward()
        optimiser.step()
        seconds = time.process_time() - start
    return peak() - before, seconds


def peak() -> int:
    """Largest memory that this process has held, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
