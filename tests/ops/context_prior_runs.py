"""Drawn inputs of the context prior, and every output and gradient for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from contextseg.ops.context_prior import PriorNorm, context_prior

OPTIONS = [
    {"void": "mask", "diagonal": "keep"},
    {"void": "mask", "diagonal": "remove"},
    {"void": "as_class", "diagonal": "keep"},
    {"void": "as_class", "diagonal": "remove"},
]
SHAPES = {  # name: (B, N, M, C, D, groups)
    "square": (2, 20, 20, 8, 5, 1),
    "fewer queries": (2, 9, 24, 8, 3, 1),
    "more queries": (1, 33, 12, 6, 6, 1),
    "groups": (2, 20, 20, 8, 5, 4),
    "groups of two keys": (1, 30, 8, 8, 5, 4),
    "one query": (2, 1, 6, 4, 3, 1),
    "one pair": (2, 1, 1, 3, 2, 1),
}
GRADIENTS = ("features", "weight", "gamma", "beta", "values")


def draw(shape, dtype=torch.float64, classes: int = 4) -> dict[str, Tensor]:
    """Inputs; a few pixels of every image are void."""
    B, N, M, C, D, groups = shape
    labels = torch.randint(classes, (B, N))
    key_labels = labels.clone() if N == M else torch.randint(classes, (B, M))
    for drawn in (labels, key_labels):
        drawn[drawn == classes - 1] = 255
    return {
        "features": torch.randn(B, N, C).to(dtype) + 0.5,
        "weight": torch.randn(M, C // groups).to(dtype),
        "gamma": torch.rand(M).to(dtype) + 0.5,
        "beta": torch.randn(M).to(dtype),
        "values": torch.randn(B, M, D).to(dtype),
        "labels": labels,
        "key_labels": key_labels,
    }


def run(
    impl: str, inputs: dict[str, Tensor], training: bool = True, autocast: bool = False, **options
) -> dict[str, Any]:
    """Outputs, running statistics, and gradients of a loss that takes each output differently."""
    leaves = {name: inputs[name].detach().requires_grad_() for name in GRADIENTS}
    groups = inputs["features"].shape[2] // inputs["weight"].shape[1]
    M, wide = len(inputs["weight"]), torch.promote_types(inputs["weight"].dtype, torch.float32)
    device = inputs["weight"].device
    like = {"dtype": wide, "device": device}
    running = [torch.linspace(-1, 1, M, **like), torch.linspace(0.5, 1, M, **like)]
    norm = PriorNorm(leaves["gamma"], leaves["beta"], *running, training=training)
    with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
        intra, inter, terms = context_prior(
            leaves["features"],
            leaves["weight"],
            norm,
            leaves["values"],
            inputs["labels"],
            inputs["key_labels"],
            groups=groups,
            impl=impl,
            **options,
        )
    assert terms is not None
    ramp = torch.linspace(-1, 1, intra.numel(), **like).view_as(intra)
    loss = (intra * ramp).sum() + inter.to(wide).square().sum()
    loss = loss + terms.unary + 2 * terms.precision + 0.5 * terms.recall + 0.3 * terms.specificity
    grads = torch.autograd.grad(loss, list(leaves.values()))
    found = {"intra": intra, "inter": inter, **terms._asdict()}
    found |= {"running_mean": running[0], "running_var": running[1]}
    found |= {f"grad of {name}": grad for name, grad in zip(GRADIENTS, grads, strict=True)}
    return {name: value.detach() for name, value in found.items()}


def assert_equal(actual: dict[str, Tensor], expected: dict[str, Tensor], **tolerance) -> None:
    for name in expected:
        torch.testing.assert_close(
            actual[name], expected[name], **tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )


EXACT = {"rtol": 1e-10, "atol": 1e-10}


def check_context_without_labels() -> None:
    """Context and gradients of the kernel are the formula's where there are no labels."""
    inputs = draw(SHAPES["square"])
    results = []
    for impl in ("reference", "fused"):
        leaves = [inputs[name].detach().requires_grad_() for name in GRADIENTS]
        norm = PriorNorm(*leaves[2:4], None, None, training=True)
        intra, inter, terms = context_prior(*leaves[:2], norm, leaves[4], impl=impl)
        assert terms is None
        loss = intra.square().sum() + (inter * torch.linspace(0, 1, 5)).sum()
        results.append((intra, inter, *torch.autograd.grad(loss, leaves)))
    for actual, expected in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(actual, expected, **EXACT)


def check_strides_do_not_matter(layout: str) -> None:
    """Results of the kernel are those of contiguous inputs, and keep the layout."""
    inputs = draw((1, 20, 20, 8, 8, 1))
    expected = run("reference", inputs)
    for name in ("features", "values"):
        if layout == "channels first":
            inputs[name] = inputs[name].mT.contiguous().mT
        else:
            inputs[name] = torch.cat([inputs[name], inputs[name]], dim=2)[..., :8]
    actual = run("fused", inputs)
    assert_equal(actual, expected, **EXACT)
    if layout == "channels first":
        names = ("intra", "inter", "grad of features", "grad of values")
        assert all(actual[name].mT.is_contiguous() for name in names)
