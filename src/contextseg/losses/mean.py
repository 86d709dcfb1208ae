"""The mean of a loss over the valid pixels of all processes."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def mean_over_processes(total: Tensor, count: Tensor) -> Tensor:
    """`total / count`, such that averaging gradients over processes gives the mean over all.

    Processes hold different numbers of valid pixels, so the average of their means is not the mean
    over the larger batch. Dividing by the average count instead makes it so. The loss is 0 if
    nothing counts in any process.

    Args:
        total: sum of the losses of this process, [].
        count: their number, or the sum of their weights, [].
    """
    count = count.detach().to(total.dtype)
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        count = count.clone()
        dist.all_reduce(count)
        count = count / dist.get_world_size()
    return total / torch.where(count > 0, count, 1)
