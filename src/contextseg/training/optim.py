"""Parameter groups and the learning rate schedule."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from contextseg.config import OptimConfig


def build_optimiser(model: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """The optimiser of the trainable parameters, with separate rates for backbone and context.

    Only weights of convolutions and linear layers are decayed, unless `config.decay_all` is set:
    norms, biases, codewords and smoothing factors are not.
    """
    groups = []
    rate_of_rest = config.lr * config.head_lr_factor
    rates = {"backbone": config.lr, "context": rate_of_rest * config.context_lr_factor}
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    for part, rate in (*rates.items(), ("", rate_of_rest)):
        decayed, kept = [], []
        for name, parameter in trained:
            first = name.split(".", 1)[0]
            if (first if first in rates else "") == part:
                (decayed if config.decay_all or is_weight(name, parameter) else kept).append(
                    parameter
                )
        for parameters, decay in ((decayed, config.weight_decay), (kept, 0.0)):
            if parameters:
                groups.append({"params": parameters, "lr": rate, "weight_decay": decay})
    if config.name == "adamw":
        betas = (config.momentum, config.squares_decay)
        return torch.optim.AdamW(groups, betas=betas, fused=True)
    return torch.optim.SGD(groups, momentum=config.momentum, nesterov=config.nesterov)


def is_weight(name: str, parameter: nn.Parameter) -> bool:
    """Whether this is a weight of a convolution or a linear layer, which are decayed."""
    return parameter.ndim > 1 and not name.endswith(".codewords")


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
