"""Means of losses over what counts in all processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sum:
    """A loss before the division: what `means_over_processes` takes."""

    total: Tensor
    """Sum of the losses of this process, []."""
    count: Tensor
    """Their number, or the sum of their weights, []."""


def means_over_processes(sums: Sequence[Sum]) -> list[Tensor]:
    """`total / count` of each, such that the average of all processes' gradients is the mean's.

    Processes hold different numbers of valid pixels, so the average of their means is not the mean
    over the larger batch. Dividing by the average count instead makes it so. A loss is 0 if nothing
    counts in any process. The counts of all losses travel in one all-reduce.

    Returns:
        The means, each [], in the dtype of its total.
    """
    counts = torch.stack([each.count.detach().to(_widest(sums)) for each in sums])
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        dist.all_reduce(counts)
        counts = counts / dist.get_world_size()
    counts = torch.where(counts > 0, counts, 1)
    pairs = zip((each.total for each in sums), counts.unbind(), strict=True)
    return [total / count.to(total.dtype) for total, count in pairs]


def mean_over_processes(sums: Sum) -> Tensor:
    """The mean of a single loss."""
    return means_over_processes([sums])[0]


def _widest(sums: Sequence[Sum]) -> torch.dtype:
    return torch.float64 if any(s.total.dtype == torch.float64 for s in sums) else torch.float32
