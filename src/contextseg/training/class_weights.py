"""Weights of the classes in the cross-entropy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from contextseg.config import LossConfig


def class_weights(config: LossConfig, pixels: np.ndarray) -> Tensor | None:
    """The weights that `config.class_weights` stands for.

    Args:
        config: none, `balanced`, or the weights.
        pixels: training pixels of each class, [L], integer.

    Returns:
        Weights [L] with mean 1 over the classes that occur (or as given), or None for none.

    Raises:
        ValueError: the number of weights is not the number of classes.
    """
    if config.class_weights == "none":
        return None
    if config.class_weights == "balanced":
        counts = torch.as_tensor(pixels, dtype=torch.float64)
        weights = torch.where(counts > 0, counts.clamp(min=1).rsqrt(), 0)
        weights = torch.where(counts > 0, weights / weights[counts > 0].mean(), 1)
        return weights.float()
    if len(config.class_weights) != len(pixels):
        raise ValueError(
            f"loss.class_weights must be one number for each of the {len(pixels)} classes, got "
            f"{len(config.class_weights)}."
        )
    return torch.tensor(config.class_weights, dtype=torch.float32)
