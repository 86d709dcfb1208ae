"""Classes of upsampled logits, against upsampling them first.

    python -m benchmarks.upsampled_argmax [--device cuda] [--quick] [--json] [--compile]

The formula is `F.interpolate` and `argmax`. The floor on a CPU is what any form that compares all
upsampled logits does: it writes as many numbers once, block by block in a cache, and goes through
them once. On a GPU it is a copy of the coarse logits.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.harness import Case, Step, run
from contextseg.ops import upsampled_argmax

CLASSES, COARSE, SIZE = 150, (128, 256), (1024, 2048)
FORMULA = "interpolate + argmax"
BLOCK = 2**20  # numbers that the floor holds at a time


def draw() -> Tensor:
    """Logits of one image."""
    return torch.randn(1, CLASSES, *COARSE)


def formula(logits: Tensor) -> Tensor:
    """The classes as they are usually computed."""
    return F.interpolate(logits, SIZE, mode="bilinear").argmax(1)


def formula_with_confidence(logits: Tensor) -> tuple[Tensor, Tensor]:
    """And their probabilities."""
    probability, label = F.interpolate(logits, SIZE, mode="bilinear").softmax(1).max(1)
    return label, probability


def labels() -> Step:
    """Ours."""
    return partial(upsampled_argmax, draw(), SIZE)


def labels_with_confidence() -> Step:
    """Ours, with probabilities."""
    return partial(upsampled_argmax, draw(), SIZE, confidence=True)


def plain() -> Step:
    """The formula."""
    return partial(formula, draw())


def plain_with_confidence() -> Step:
    """The formula, with probabilities."""
    return partial(formula_with_confidence, draw())


def compiled() -> Step:
    """The formula under `torch.compile`."""
    return partial(torch.compile(formula, dynamic=False), draw())


def maxima() -> Step:
    """Write and compare as many numbers as there are upsampled logits."""
    block = torch.empty(BLOCK)

    def work() -> None:
        for _ in range(0, CLASSES * SIZE[0] * SIZE[1], BLOCK):
            block.fill_(1.0)
            block.amax()

    return work


def copy() -> Step:
    """A copy of the coarse logits."""
    logits = draw()
    target = torch.empty_like(logits)
    return lambda: target.copy_(logits)


GROUP = f"{CLASSES} classes, {COARSE[0]} x {COARSE[1]} to {SIZE[0]} x {SIZE[1]}"
CONFIDENT = f"{GROUP}, with confidence"
CASES = [
    Case("ours", labels, GROUP),
    Case(FORMULA, plain, GROUP),
    Case(f"{FORMULA}, compiled", compiled, GROUP, compiled=True),
    Case("floor: write and compare", maxima, GROUP, memory=False, device="cpu"),
    Case("floor: copy", copy, GROUP, memory=False, device="cuda"),
    Case("ours", labels_with_confidence, CONFIDENT),
    Case(FORMULA, plain_with_confidence, CONFIDENT),
]

if __name__ == "__main__":
    run("Upsampled argmax", CASES, baseline=FORMULA, description=__doc__)
