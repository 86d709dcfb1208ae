"""Context prior and affinity loss as CPNet has them: C = 512, a key for every feature pixel.

    python -m benchmarks.context_prior [--device cuda] [--quick] [--json] [--compile] [--sweep]

The dense formulation is that of the literature: convolution, batch norm and sigmoid to a prior
[B, N, N], one minus the prior, two products with the values, and in training the affinity loss on
probabilities with the ideal map made whole. The floor is the matrix products alone, on tensors that
are ready for them: two of 2 B N N C operations forward, seven forward and backward; by the library
that PyTorch takes by itself, and by the one that our tiles take. --sweep measures how time and
memory grow with the number of pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.harness import Case, Step, run
from contextseg.ops.context_prior import PriorNorm, context_prior
from contextseg.ops.context_prior.products import linear

CHANNELS, CLASSES = 512, 150
SIDES = (30, 40, 60, 72, 97)  # of the feature maps of crops of 240 to 769 pixels
WARM_UP = 4
DENSE = "dense formulation"

Form = Callable[..., tuple[Tensor, Tensor, Tensor | None]]


def ours(
    features: Tensor, weight: Tensor, norm: PriorNorm, labels: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Intra, inter and the affinity loss, in tiles."""
    intra, inter, terms = context_prior(
        features, weight, norm, features, labels, void="as_class", diagonal="remove"
    )
    if terms is None:
        return intra, inter, None
    return intra, inter, terms.unary + terms.precision + terms.recall + terms.specificity


def dense(
    features: Tensor, weight: Tensor, norm: PriorNorm, labels: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The same with the whole prior, on probabilities."""
    logits = F.conv1d(features.mT, weight[:, :, None])  # [B, N, N], row = key
    logits = F.batch_norm(
        logits, norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.training
    )
    prior = logits.sigmoid().mT
    N = prior.shape[2]
    intra, inter = prior @ features / N, (1 - prior) @ features / N
    if labels is None:
        return intra, inter, None
    ideal = (labels[:, :, None] == labels[:, None, :]).to(prior.dtype)
    others = ideal - torch.eye(N, dtype=prior.dtype, device=prior.device)
    different = 1 - ideal

    def cost(top: Tensor, bottom: Tensor) -> Tensor:
        ratio = top / torch.where(bottom > 0, bottom, 1)
        return F.binary_cross_entropy(ratio, torch.ones_like(ratio))

    found = (others * prior).sum(2)
    loss = F.binary_cross_entropy(prior, ideal)
    loss = loss + cost(found, others.sum(2)) + cost(found, prior.sum(2))
    return intra, inter, loss + cost((different * (1 - prior)).sum(2), different.sum(2))


def inputs(
    batch: int, side: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Features as a view of a feature map, weight, gamma, beta, labels in patches."""
    N = side * side
    maps = torch.randn(batch, CHANNELS, side, side).relu().to(dtype)
    weight = (torch.randn(N, CHANNELS) * CHANNELS**-0.5).to(dtype)
    patches = torch.randint(CLASSES, (batch, 1, 4, 4)).float()
    labels = F.interpolate(patches, (side, side)).long().flatten(1)
    return maps.flatten(2).transpose(1, 2), weight, torch.ones(N), torch.zeros(N), labels


def step(
    form: Form, training: bool, batch: int, side: int, dtype: torch.dtype = torch.float32
) -> Step:
    """Context of a batch; in training with the loss and all gradients."""
    if side > WARM_UP:
        step(form, training, 1, WARM_UP, dtype)()  # what a first call loads is not this work's
    features, weight, gamma, beta, labels = inputs(batch, side, dtype)
    running = torch.zeros_like(beta), torch.ones_like(gamma)
    norm = PriorNorm(gamma, beta, *running, training=training)
    if not training:
        return torch.no_grad()(partial(form, features, weight, norm, None))
    leaves = [tensor.requires_grad_() for tensor in (features, weight, gamma, beta)]
    slopes = [torch.randn_like(features) for _ in range(2)] + [torch.ones(())]

    def work() -> tuple[Tensor, ...]:
        return torch.autograd.grad(form(features, weight, norm, labels), leaves, slopes)

    return work


def compiled(*draw: Any) -> Step:
    """The dense formulation under `torch.compile`."""
    return step(torch.compile(dense, dynamic=False), *draw)


def by_default(a: Tensor, b: Tensor) -> Tensor:
    """A product by the library that PyTorch takes by itself."""
    return a @ b


def as_in_tiles(a: Tensor, b: Tensor) -> Tensor:
    """A product by the library that the tiles take."""
    return linear(a, b.T, None, torch.empty(len(a), b.shape[1]))


def products(
    multiply: Callable[[Tensor, Tensor], Tensor],
    training: bool,
    batch: int,
    side: int,
    dtype: torch.dtype = torch.float32,
) -> Step:
    """The matrix products with the prior or its gradient, and nothing else."""
    features, weight, *_ = inputs(batch, side, dtype)
    features, prior = features.contiguous(), torch.rand(side * side, side * side).to(dtype)

    def work() -> None:
        for image in features:
            multiply(image, weight.T)  # logits
            multiply(prior, image)  # intra-class context
            if training:
                multiply(image, weight.T)  # logits again
                multiply(image, image.T)  # gradient of the prior, slopes times values
                multiply(prior.T, image)  # of the values
                multiply(prior.T, image)  # of the weight
                multiply(prior, weight)  # of the features

    return work


def group(name: str, device: str | None, *draw: Any) -> list[Case]:
    """Every form of one work."""
    default, tiled = (partial(products, multiply, *draw) for multiply in (by_default, as_in_tiles))
    as_tiles = Case("the same, as in tiles", tiled, name, memory=False, device="cpu")
    return [
        Case(DENSE, partial(step, dense, *draw), name, device=device),
        Case("dense, compiled", partial(compiled, *draw), name, compiled=True, device=device),
        Case("ours", partial(step, ours, *draw), name, device=device),
        Case("matrix products alone", default, name, memory=False, device=device),
        *([] if device == "cuda" else [as_tiles]),
    ]


CASES = [
    *group("training, B2 N3600", "cpu", True, 2, 60),
    *group("eval, B1 N3600", "cpu", False, 1, 60),
    Case("ours", partial(step, ours, True, 1, 97), "training, B1 N9409", device="cpu"),
    *group("training, B16 N3600 bfloat16", "cuda", True, 16, 60, torch.bfloat16),
    *group("eval, B16 N3600 bfloat16", "cuda", False, 16, 60, torch.bfloat16),
    *group("training, B4 N3600 float32", "cuda", True, 4, 60),
    Case(
        "ours",
        partial(step, ours, True, 8, 97, torch.bfloat16),
        "training, B8 N9409 bfloat16",
        device="cuda",
    ),
]
SWEEP = [
    case
    for side in SIDES
    for case in group(f"N {side * side}", None, True, 1, side)
    if case.memory  # no floors
]

if __name__ == "__main__":
    run("Context prior", CASES, DENSE, __doc__, SWEEP)
