"""Counts of several processes, added up.

Every process of torch.distributed takes part in every call, whatever it has counted: whether to
communicate must never depend on what one process knows alone. A process without others gets its own
counts back.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor


def summed(counts: Sequence[Tensor]) -> list[Tensor]:
    """The sums of int64 counts over all processes, in one all-reduce.

    Args:
        counts: of any shapes, the same in every process.

    Returns:
        New tensors of these shapes.
    """
    packed = torch.cat([count.flatten() for count in counts])
    if _world() > 1:
        dist.all_reduce(packed)
    parts = packed.split([count.numel() for count in counts])
    return [part.view_as(count) for part, count in zip(parts, counts, strict=True)]


def sum_and_gather(counts: Sequence[Tensor], rows: Tensor) -> tuple[list[Tensor], Tensor]:
    """As `summed`, and the rows of all processes, one process after another.

    Args:
        counts: int64, of any shapes, the same in every process.
        rows: [M, K]; M may be 0, and differs from process to process.
    """
    world = _world()
    if world == 1:
        return summed(counts), rows
    lengths = torch.zeros(world, dtype=torch.int64, device=rows.device)
    lengths[dist.get_rank()] = len(rows)
    *sums, lengths = summed([*counts, lengths])
    longest = int(lengths.max())
    if longest == 0:
        return sums, rows
    padded = rows.new_zeros((longest, rows.shape[1]))
    padded[: len(rows)] = rows
    gathered = [torch.empty_like(padded) for _ in range(world)]
    dist.all_gather(gathered, padded)
    return sums, torch.cat(
        [each[:length] for each, length in zip(gathered, lengths.tolist(), strict=True)]
    )


def _world() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
