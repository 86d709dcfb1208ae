"""Upsampling and argmax of the classes that can win at all, cell by cell.

Between four feature pixels an upsampled logit lies between its smallest and its largest corner. A
class whose largest corner is below the smallest corner of another one cannot win in that cell. Of a
trained network's classes one or two are left in most cells, so little has to be interpolated. The
softmax needs more of them: those that rounding does not swallow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from contextseg.ops.upsampled_argmax.best import first_index, highest_share
from contextseg.ops.upsampled_cells import (
    BLOCK_BYTES,
    Axis,
    Block,
    Increments,
    increments_between,
    is_level,
    values,
)

STRIP_BYTES = 2 * 2**20
"""Bytes of the coarse logits whose bounds are found at a time: few enough for a cache."""

FEW, MANY = 0.4, 0.7
"""Share of classes that may be left for pruning to be worth its while: to win, for the softmax."""

SAMPLED_ROWS = 8
"""Rows of cells whose classes are counted to decide."""

LEAST_PIXELS = 8
"""Image pixels in a cell from which on finding bounds is cheaper than interpolating."""


def pays(padded: Tensor, rows: Axis, columns: Axis, confidence: bool) -> bool:
    """Whether few classes of a map [L, H + 2, W + 2] can win in the cells of some rows.

    Where a logit is infinite or NaN, it does not.
    """
    if padded.device.type != "cpu" or len(rows.pixel) * len(columns.pixel) < LEAST_PIXELS:
        return False
    if not padded.sum().isfinite():
        return False
    height = padded.shape[1] - 1
    step = max(1, height // SAMPLED_ROWS)
    first = torch.arange(step // 2, height, step)
    low, high = bounds(padded[:, first], padded[:, first + 1])
    if (high >= low).float().mean() > FEW:
        return False
    return not confidence or bool((high >= low - reach_of(padded)).float().mean() < MANY)


def reach_of(padded: Tensor) -> float:
    """How far below the best logit all classes [L, ...] together are but rounding."""
    return math.log(2 * len(padded) / torch.finfo(padded.dtype).eps)


def bounds(top: Tensor, bottom: Tensor) -> tuple[Tensor, Tensor]:
    """What the best logit of each cell is at least, and each class's at most.

    Args:
        top: feature pixels above the cells, [L, rows, columns + 1].
        bottom: and below.

    Returns:
        [rows, columns] and [L, rows, columns].
    """
    low, high = torch.minimum(top, bottom), torch.maximum(top, bottom)
    low = torch.minimum(low[..., :-1], low[..., 1:]).amax(0)
    return low, torch.maximum(high[..., :-1], high[..., 1:])


class Candidates(NamedTuple):
    """The classes that are left in each cell of a block."""

    number: Tensor
    """How many, [cells]."""
    start: Tensor
    """Index of the first of each cell in `name`, [cells]."""
    name: Tensor
    """Classes, ascending in each cell, [sum of `number`]."""

    def groups(self, pixels: int, itemsize: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Cells with about as many candidates, and these, in blocks of `BLOCK_BYTES`.

        Cells of one candidate are left out.

        Args:
            pixels: slots of a cell.
            itemsize: bytes of the value of one.

        Yields:
            Cells [n], classes [K, n], the last one repeated where a cell has less than K, and
            whether a class is such a repetition, [K, n].
        """
        most, least = int(self.number.max()), 1
        while least < most:
            size = min(most, max(least + 1, least + least // 2))
            cells = ((self.number > least) & (self.number <= size)).nonzero()[:, 0]
            width = max(1, BLOCK_BYTES["cpu"] // (size * pixels * itemsize))
            for part in cells.split(width):
                place, last = torch.arange(size)[:, None], self.number[part] - 1
                yield part, self.name[self.start[part] + place.minimum(last)], place > last
            least = size


def candidates(low: Tensor, high: Tensor, reach: float) -> Candidates:
    """The classes that come within `reach` of the best logit."""
    left = high >= low - reach  # [L, rows, columns]
    cell, name = left.flatten(1).t().nonzero(as_tuple=True)
    count = torch.bincount(cell, minlength=low.numel())
    return Candidates(count, count.cumsum(0) - count, name)


class Gather:
    """Values of chosen classes in chosen cells of a block.

    Args:
        corners: feature pixels around the cells, [L, rows + 1, columns + 1].
        rows: cells of the rows.
        columns: cells of the columns.
        block: which of them.
    """

    def __init__(self, corners: Tensor, rows: Axis, columns: Axis, block: Block) -> None:
        self.corners = corners.reshape(-1)  # contiguous
        self.size = corners.shape[1] * corners.shape[2]
        self.line = corners.shape[2]
        self.width = self.line - 1
        self.below = rows.offset[block.rows].to(corners)
        self.beside = columns.offset[block.columns].to(corners)
        self.row_step, self.column_step = rows.step, columns.step

    def increments(self, cells: Tensor, names: Tensor) -> Increments:
        """What the values of classes [K, n] in cells [n] follow from, [K, n] each."""
        row, column = cells // self.width, cells % self.width
        at = names * self.size + (row * self.line + column)
        a, b, c, d = (self.corners[at + offset] for offset in (0, 1, self.line, self.line + 1))
        below, beside = self.below[row], self.beside[column]
        return increments_between(a, b, c, d, below, beside, self.row_step, self.column_step)


def label_image(
    padded: Tensor,
    image: int,
    rows: Axis,
    columns: Axis,
    labels: Tensor,
    probabilities: Tensor | None,
) -> None:
    """Write the labels [B, h, w] of one image, and their probabilities if wanted.

    Args:
        padded: coarse logits, [B, L, H + 2, W + 2].
        image: which one.
        rows: cells of the rows.
        columns: cells of the columns.
        labels: [B, h, w], any integer dtype.
        probabilities: [B, h, w].
    """
    L, width = padded.shape[1], len(columns.offset)
    slots = len(columns.pixel), len(rows.pixel)
    tall = max(1, STRIP_BYTES // (L * width * padded.itemsize))
    reach = reach_of(padded[image])
    for top in range(0, len(rows.offset), tall):
        stop = min(top + tall, len(rows.offset))
        block = Block(image, slice(top, stop), slice(0, width))
        corners = block.corners(padded)
        low, high = bounds(corners[:, :-1], corners[:, 1:])
        left = candidates(low, high, 0.0)
        found = left.name[left.start].to(labels.dtype).expand(*slots, -1).contiguous()
        gather = Gather(corners, rows, columns, block)
        for cells, names, _ in left.groups(math.prod(slots), padded.itemsize):
            logits = values(gather.increments(cells, names), rows, columns)
            winner = first_index(logits, logits.amax(0)).flatten(0, 1).long()  # [slots, n]
            winner = names.to(labels.dtype).gather(0, winner)
            found[:, :, cells] = winner.unflatten(0, slots)
        block.place(labels, found, rows, columns)
        if probabilities is None:
            continue
        sure = padded.new_ones(*slots, low.numel())
        corners = corners - corners.amax(0)  # changes no probability
        level, gather = is_level(corners), Gather(corners, rows, columns, block)
        left = candidates(low, high, reach)
        for cells, names, again in left.groups(math.prod(slots), padded.itemsize):
            start = gather.increments(cells, names)
            start.first.masked_fill_(again, -torch.inf)
            sure[:, :, cells] = highest_share(start, level, rows, columns)
        block.place(probabilities, sure, rows, columns)
