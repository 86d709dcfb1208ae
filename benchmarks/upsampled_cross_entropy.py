"""Cross-entropy of upsampled logits, forward and backward, against upsampling them first.

    python -m benchmarks.upsampled_cross_entropy [--device cuda] [--quick] [--json] [--compile]

The formula is `F.interpolate` and `F.cross_entropy`. The floor on a CPU is what any form that sums
over all upsampled logits does: it writes as many numbers once, block by block in a cache, and adds
them up. On a GPU it is a copy of the coarse logits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.harness import Case, Step, run
from contextseg.ops import upsampled_cross_entropy

Shape = tuple[int, int, int, int]  # images, classes, side of the logits, side of the image
SHAPES: dict[str, Shape] = {
    "150 classes, 60 x 60 to 480 x 480, 4 images": (4, 150, 60, 480),
    "11 classes, 20 x 20 to 320 x 320, 8 images": (8, 11, 20, 320),
}
FORMULA = "interpolate + cross_entropy"
BLOCK = 2**20  # numbers that the floor holds at a time


def formula(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean loss as it is usually written."""
    upsampled = F.interpolate(logits, labels.shape[1:], mode="bilinear")
    return F.cross_entropy(upsampled, labels, ignore_index=255)


def ours(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean loss."""
    total, weight = upsampled_cross_entropy(logits, labels)
    return total / weight


def step(loss: Callable[[Tensor, Tensor], Tensor], shape: Shape) -> Step:
    """The loss of drawn logits and its gradient."""
    images, classes, side, image_side = shape
    logits = torch.randn(images, classes, side, side, requires_grad=True)
    labels = torch.randint(classes, (images, image_side, image_side))
    return lambda: torch.autograd.grad(loss(logits, labels), logits)


def compiled(shape: Shape) -> Step:
    """The formula under `torch.compile`."""
    return step(torch.compile(formula, dynamic=False), shape)


def sums(shape: Shape) -> Step:
    """Write and sum as many numbers as there are upsampled logits."""
    images, classes, _, image_side = shape
    count = images * classes * image_side**2
    block = torch.empty(BLOCK)

    def work() -> None:
        for _ in range(0, count, BLOCK):
            block.fill_(1.0)
            block.sum()

    return work


def copy(shape: Shape) -> Step:
    """A copy of the coarse logits."""
    images, classes, side, _ = shape
    logits = torch.randn(images, classes, side, side)
    target = torch.empty_like(logits)
    return lambda: target.copy_(logits)


def cases(group: str, shape: Shape) -> list[Case]:
    """Everything that is compared at one size."""
    return [
        Case("ours", partial(step, ours, shape), group),
        Case(FORMULA, partial(step, formula, shape), group),
        Case(f"{FORMULA}, compiled", partial(compiled, shape), group, compiled=True),
        Case("floor: write and sum", partial(sums, shape), group, memory=False, device="cpu"),
        Case("floor: copy", partial(copy, shape), group, memory=False, device="cuda"),
    ]


CASES = [case for group, shape in SHAPES.items() for case in cases(group, shape)]

if __name__ == "__main__":
    run("Upsampled cross-entropy", CASES, baseline=FORMULA, description=__doc__)
