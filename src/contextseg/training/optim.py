"""Parameter groups and the learning rate schedule."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from contextseg.config import OptimConfig
from contextseg.config.auto import settled
from contextseg.models.layer_depths import layer_depths

FUSED_SGD = ("cpu", "cuda")
"""Devices on which SGD updates all weights in one pass through memory."""


def build_optimiser(model: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """The optimiser of the trainable parameters, with separate rates for backbone and context.

    Only weights of convolutions and linear layers are decayed, unless `config.decay_all` is set:
    norms, biases, codewords, smoothing factors and a CRF are not. With `config.layer_decay` below
    1, each layer of the backbone has a rate of its own.

    Raises:
        ValueError: the backbone tells no layers, or the optimiser cannot be built on this machine.
    """
    depths = layer_depths(model) if config.layer_decay < 1 else {}
    groups = []
    base = settled(config.lr, "optim.lr")
    rate_of_rest = base * config.head_lr_factor
    rates = {"backbone": base, "context": rate_of_rest * config.context_lr_factor}
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    for part, rate in (*rates.items(), ("", rate_of_rest)):
        members: dict[tuple[int, bool], list[nn.Parameter]] = {}
        for name, parameter in trained:
            first = name.split(".", 1)[0]
            if (first if first in rates else "") == part:
                kept = not (config.decay_all or is_weight(name, parameter))
                members.setdefault((depths.get(name, 0), kept), []).append(parameter)
        for (depth, kept), parameters in sorted(members.items(), key=lambda member: member[0]):
            decay = 0.0 if kept else config.weight_decay
            own = rate * config.layer_decay**depth
            groups.append({"params": parameters, "lr": own, "weight_decay": decay})
    optimiser = _optimiser(groups, config)
    optimiser.register_load_state_dict_post_hook(match_layouts)
    return optimiser


def match_layouts(optimiser: torch.optim.Optimizer) -> None:
    """Give the state of each parameter the order of its numbers in memory.

    Fused optimisers run through memory and mix up numbers of tensors in different orders, silently
    on CPUs. Checkpoints may hold another order than the weights have now.
    """
    for parameter, state in optimiser.state.items():
        for name, value in state.items():
            if (
                torch.is_tensor(value)
                and value.shape == parameter.shape
                and value.stride() != parameter.stride()
            ):
                state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _optimiser(groups: list[dict[str, Any]], config: OptimConfig) -> torch.optim.Optimizer:
    """The optimiser that `config` names."""
    if config.name == "sgd":
        kinds = {each.device.type for group in groups for each in group["params"]}
        return torch.optim.SGD(
            groups,
            momentum=config.momentum,
            nesterov=config.nesterov,
            fused=kinds <= set(FUSED_SGD),
        )
    if config.name == "adamw":
        betas = (config.momentum, config.squares_decay)
        return torch.optim.AdamW(groups, betas=betas, fused=True)
    from timm import optim

    library: Any = optim  # timm marks none of its names as public
    try:
        return library.create_optimizer_v2(
            groups,
            opt=config.name,
            lr=config.lr,
            weight_decay=config.weight_decay,
            momentum=config.momentum,
        )
    except (AssertionError, ImportError) as error:  # it needs a GPU, or another library
        raise ValueError(f"optim.name: {config.name} cannot work here: {error}") from error


def is_weight(name: str, parameter: nn.Parameter) -> bool:
    """Whether this is a weight of a convolution or a linear layer, which are decayed."""
    return parameter.ndim > 1 and not name.startswith("crf.") and not name.endswith(".codewords")


def schedule(optimiser: torch.optim.Optimizer, config: OptimConfig, steps: int) -> LambdaLR:
    """Learning rates that decay from their initial value to 0, after a linear warm-up from 0.

    With t = step / steps after the warm-up, the factor is (1 - t) ** power for `poly` and
    (1 + cos(pi t)) / 2 for `cosine`.

    Args:
        optimiser: the optimiser whose rates are scheduled.
        config: schedule, power and warm-up.
        steps: steps of the whole run, including warm-up.
    """
    warmup = min(config.warmup_steps, steps - 1)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        left = max(0.0, 1 - (step - warmup) / (steps - warmup))
        if config.schedule == "cosine":
            return (1 - math.cos(math.pi * left)) / 2
        return left**config.power

    return LambdaLR(optimiser, factor)
