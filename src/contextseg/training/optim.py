"""Parameter groups and the poly schedule."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from contextseg.config import OptimConfig
from contextseg.model import SegmentationModel


def build_optimiser(model: SegmentationModel, config: OptimConfig) -> torch.optim.Optimizer:
    """The optimiser of the trainable parameters, the backbone's and the others at own rates.

    Norms, biases, codewords and smoothing factors, all of which are no convolution or linear
    weight, are not decayed unless `config.decay_all`.
    """
    groups = []
    for part, rate in (("backbone", config.lr), ("rest", config.lr * config.head_lr_factor)):
        decayed, kept = [], []
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and name.startswith("backbone.") == (part == "backbone"):
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
    """Whether this is a weight of a convolution or a linear layer, which decay is meant for."""
    return parameter.ndim > 1 and not name.endswith(".codewords")


def poly_schedule(optimiser: torch.optim.Optimizer, config: OptimConfig, steps: int) -> LambdaLR:
    """Learning rates times (1 - step / steps) ** power, after a linear warm-up from 0.

    Args:
        optimiser: whose rates are moved.
        config: power and warm-up.
        steps: steps of the whole training, warm-up included.
    """
    warmup = min(config.warmup_steps, steps - 1)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        return max(0.0, 1 - (step - warmup) / (steps - warmup)) ** config.power

    return LambdaLR(optimiser, factor)
