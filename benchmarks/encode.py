"""Encoding of a feature map at output stride 8, as EncNet does it (C = 512, K = 32).

    python -m benchmarks.encode [--device cuda] [--quick] [--json] [--compile] [--sweep]

The formula broadcasts pixels against codewords, as published implementations do without a kernel of
their own. The floor is the matrix products alone, on tensors that are ready for them: two of
2 B N K C operations forward, six forward and backward; on a GPU also a copy of the features, which
reads and writes each once. --sweep measures how time and memory grow with the number of pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness import Case, Step, run
from contextseg.ops import encode
from contextseg.ops.encode import reference

CHANNELS, CODEWORDS = 512, 32
SIDES = (30, 40, 60, 72, 97)  # of the feature maps of crops of 240 to 769 pixels
FORMULA = "broadcast formula"


def inputs(batch: int, side: int, dtype: torch.dtype, channels_last: bool) -> list[Tensor]:
    """Features as a view of a feature map, codewords and smoothing."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    maps = torch.randn(batch, CHANNELS, side, side).relu().to(dtype).to(memory_format=layout)
    bound = (CHANNELS * CODEWORDS) ** -0.5
    codewords = torch.empty(CODEWORDS, CHANNELS).uniform_(-bound, bound)
    return [maps.flatten(2).transpose(1, 2), codewords, torch.rand(CODEWORDS)]


def step(form: Callable[..., Tensor], backward: bool, *draw: Any) -> Step:
    """One encoding, and its gradients if asked for."""
    tensors = inputs(*draw)
    if not backward:
        return torch.no_grad()(partial(form, *tensors))
    leaves = [tensor.requires_grad_() for tensor in tensors]
    slope = torch.randn(draw[0], CODEWORDS, CHANNELS)
    return lambda: torch.autograd.grad(form(*leaves), leaves, slope)


def compiled(*arguments: Any) -> Step:
    """The formula under `torch.compile`."""
    return step(torch.compile(reference.encode, dynamic=False), *arguments)


def products(backward: bool, *draw: Any) -> Step:
    """The matrix products of an encoding and nothing else."""
    features, codewords, _ = inputs(*draw)
    codewords = codewords.to(features.dtype)
    pixels_by_codewords = torch.rand(*features.shape[:2], CODEWORDS).to(features.dtype)
    encoders = torch.randn(len(features), CODEWORDS, CHANNELS).to(features.dtype)

    def work() -> None:
        for image, weights, slope in zip(features, pixels_by_codewords, encoders, strict=True):
            image @ codewords.T  # scores
            weights.T @ image  # encoders
            if backward:
                image @ slope.T  # gradient of the assignment
                weights.T @ image  # of the codewords
                weights @ slope  # of the features, by the sum
                weights @ codewords  # and by the assignment

    return work


def copy(*draw: Any) -> Step:
    """A copy of the features."""
    features = inputs(*draw)[0].mT.clone()
    target = torch.empty_like(features)
    return lambda: target.copy_(features)


def group(name: str, backward: bool, device: str, *draw: Any) -> list[Case]:
    """Every form of one work."""
    arguments = (backward, *draw)
    forms = [
        Case(FORMULA, partial(step, partial(encode, impl="reference"), *arguments), name),
        Case("formula, compiled", partial(compiled, *arguments), name, compiled=True),
        Case("ours, eager", partial(step, partial(encode, impl="eager"), *arguments), name),
        Case("matrix products alone", partial(products, *arguments), name, memory=False),
    ]
    if device == "cuda":
        forms.append(Case("ours, fused", partial(step, encode, *arguments), name))
        forms.append(Case("copy of the features", partial(copy, *draw), name, memory=False))
    return [replace(case, device=device) for case in forms]


WORKS = {"forward": False, "forward + backward": True}
LAYOUTS = {"": False, ", channels_last": True}
CASES = [
    case
    for device, size, draw in (
        ("cpu", "B2 N3600 float32", (2, 60, torch.float32)),
        ("cuda", "B16 N3600 bfloat16", (16, 60, torch.bfloat16)),
        ("cuda", "B16 N3600 float32", (16, 60, torch.float32)),
    )
    for layout, channels_last in LAYOUTS.items()
    for work, backward in WORKS.items()
    for case in group(f"{work}, {size}{layout}", backward, device, *draw, channels_last)
]
SWEEP = [
    case
    for device, dtype in (("cpu", torch.float32), ("cuda", torch.bfloat16))
    for side in SIDES
    for case in group(f"N {side * side}", True, device, 1, side, dtype, False)
]

if __name__ == "__main__":
    run("Encoding", CASES, FORMULA, __doc__, SWEEP)
