"""Batch norm behind pooling to a single pixel, which has a value a channel from a batch of one."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PooledBatchNorm2d(nn.BatchNorm2d):
    """Batch norm that also trains where a channel has one value.

    One value has no variance: batch norm raises there, and if it did not, it would return its bias
    whatever the image. So with one value a channel, the running statistics normalise, as they were
    before this step and as in eval mode, and then move by

        δ = x - mean,  mean += m δ,  variance = (1 - m) (variance + m δ²)

    with momentum m: mean and variance of all the values seen, weighted exponentially. With more
    values it is `nn.BatchNorm2d`, whose parameters and statistics it has. Several processes of
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
        # Copies, because backward needs them and the buffers move now.
        before = mean.clone(), variance.clone()
        with torch.no_grad():
            new = cast(float, self.momentum)
            deviation = input.flatten().to(mean.dtype) - mean
            mean.add_(deviation, alpha=new)
            variance.add_(deviation.square(), alpha=new).mul_(1 - new)
            count.add_(1)
        return F.batch_norm(input, *before, self.weight, self.bias, eps=self.eps)
