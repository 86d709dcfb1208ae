"""Batch norm after global pooling, where a batch of one has a single value per channel."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PooledBatchNorm2d(nn.BatchNorm2d):
    """Batch norm that can train with a single value per channel.

    A single value has no variance: batch norm raises an error, and otherwise it would return its
    bias whatever the image. So with one value per channel, the running statistics from before this
    step normalise, as in eval mode, and are then updated by

        δ = x - mean,  mean += m δ,  variance = (1 - m) (variance + m δ²)

    with momentum m: the exponentially weighted mean and variance of all values seen. With more
    values it is `nn.BatchNorm2d`, whose parameters and statistics it has. Several processes with
    one image each share their statistics and need none of this.

    Shape:
        input:   [B, C, H, W].
        returns: the same.
    """

    def __init__(self, num_features: int, momentum: float = 0.1) -> None:
        super().__init__(num_features, momentum=momentum)

    def forward(self, input: Tensor) -> Tensor:
        """Normalised values."""
        if not self.training or input.numel() > input.shape[1]:
            return super().forward(input)
        mean, variance, count = self.running_mean, self.running_var, self.num_batches_tracked
        assert mean is not None
        assert variance is not None
        assert count is not None
        # Copies, because backward needs them and the buffers are updated below.
        before = mean.clone(), variance.clone()
        with torch.no_grad():
            new = cast(float, self.momentum)
            deviation = input.flatten().to(mean.dtype) - mean
            mean.add_(deviation, alpha=new)
            variance.add_(deviation.square(), alpha=new).mul_(1 - new)
            count.add_(1)
        return F.batch_norm(input, *before, self.weight, self.bias, eps=self.eps)
