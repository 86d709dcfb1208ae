"""Parameters that no output of a network depends on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

IMAGES = (2, 3, 64, 96)


def freeze_unused(model: nn.Module, images: tuple[int, ...] = IMAGES) -> list[str]:
    """Freeze the parameters that get no gradient from any output, and return their names.

    Backbones compute stages that not every model reads: HRNet has layers of its own for each. Such
    parameters never change, and training on several devices would wait for their gradients.

    The network is run on shapes alone, in training mode. Parameters stay in the state dict.

    Args:
        model: takes images and returns a tensor, or a dataclass with tensors.
        images: shape of a batch that it takes.
    """
    names = dict(model.named_parameters(remove_duplicate=False))
    empty: dict[str, Any] = {
        name: torch.empty_like(p, device="meta").requires_grad_() for name, p in names.items()
    }
    buffers = {
        name: buffer.to("meta") for name, buffer in model.named_buffers(remove_duplicate=False)
    }
    training = model.training
    model.train()
    with torch.enable_grad():
        zeros = torch.zeros(images, device="meta")
        output = torch.func.functional_call(model, empty | buffers, (zeros,), tie_weights=False)
    model.train(training)
    reached = {id(leaf) for tensor in tensors_in(output) for leaf in leaves(tensor)}
    used = {id(names[name]) for name, stand_in in empty.items() if id(stand_in) in reached}
    unused = [name for name, parameter in names.items() if id(parameter) not in used]
    for name in unused:
        names[name].requires_grad_(False)
    return unused


def tensors_in(output: Any) -> Iterator[Tensor]:
    """The tensors with a gradient that an output of a network holds."""
    if isinstance(output, Tensor):
        if output.grad_fn is not None:
            yield output
    elif is_dataclass(output):
        for field in fields(output):
            yield from tensors_in(getattr(output, field.name))


def leaves(tensor: Tensor) -> Iterator[Tensor]:
    """Parameters that a tensor was computed from."""
    seen, waiting = set(), [tensor.grad_fn]
    while waiting:
        node: Any = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            yield node.variable
        waiting += [following for following, _ in node.next_functions]
