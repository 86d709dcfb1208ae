"""The best class of each slot, and its share of the softmax, from what the values follow from."""

from __future__ import annotations

import torch
from torch import Tensor

from contextseg.ops.upsampled_cells import Axis, Increments, exponentials, values


def first_index(logits: Tensor, best: Tensor) -> Tensor:
    """The lowest index along the first dimension at which `logits`, overwritten, are `best`.

    `Tensor.max` goes through a column of a matrix one number at a time on a CPU. Maxima without
    their index are found for many columns at once, so the index is found as a maximum too.
    """
    if logits.device.type != "cpu" or best.isnan().any():  # NaN equals nothing
        return logits.max(0).indices
    count = len(logits)
    codes = torch.arange(count, 0, -1, dtype=logits.dtype).view(-1, *[1] * best.ndim)
    return count - logits.eq_(best).mul_(codes).amax(0)


def highest_share(start: Increments, level: bool, rows: Axis, columns: Axis) -> Tensor:
    """The highest probability of each slot, [slots, slots, cells].

    Args:
        start: of logits, 0 at most, [L, cells] each.
        level: whether their exponentials may be multiplied up (`is_level`).
        rows: cells of the rows.
        columns: cells of the columns.
    """
    if level:
        powers = exponentials(start, rows, columns)
        return powers.amax(0) / powers.sum(0)
    logits = values(start, rows, columns)
    return logits.sub_(logits.amax(0)).exp_().sum(0).reciprocal_()
