"""Bilinear upsampling cell by cell: between four neighbours it is an arithmetic progression.

A cell is what lies between four neighbouring feature pixels. Along a row of image pixels in it, an
upsampled value grows by the same amount from pixel to pixel, and that amount grows evenly from row
to row. So all values of a cell follow from its first value and three increments, with one addition
each; and their exponentials, from those of the first and the increments, with one product each.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK_BYTES = {"cpu": 8 * 2**20, "cuda": 64 * 2**20}
"""Bytes of a block's values: few enough for a cache, enough to outweigh the overhead of calls."""

STEEP = 80.0
"""Logits of one pixel this far apart have exponentials that float32 cannot hold side by side."""


class Axis(NamedTuple):
    """The cells of one dimension; cell j lies between feature pixels j - 1 and j.

    Before the first and after the last feature pixel are cells too, in which the value is constant:
    the feature map is padded by repeating its border.
    """

    step: float
    """Feature pixels from one image pixel to the next."""
    offset: Tensor
    """Feature pixels from a cell's start to its first image pixel, [cells], float64."""
    pixel: Tensor
    """Image pixels of each cell, [slots, cells], int64: as many slots as the fullest cell needs."""
    filled: Tensor
    """Slots that hold a pixel, [slots, cells], bool; the others repeat one of another slot."""
    cell: Tensor
    """Cell of each image pixel, [length of the image], int64."""
    first: Tensor
    """First image pixel of each cell, and the number of image pixels, [cells + 1], int64."""

    def places(self, cells: slice) -> tuple[slice, Tensor, Tensor]:
        """Image pixels of some cells, and of each the slot and the cell, counted from the first."""
        pixels = slice(int(self.first[cells.start]), int(self.first[cells.stop]))
        cell = self.cell[pixels]
        slot = torch.arange(pixels.start, pixels.stop, device="cpu") - self.first[cell]
        return pixels, slot, cell - cells.start


@lru_cache(maxsize=64)
def axis(length: int, new_length: int, align_corners: bool) -> Axis:
    """The cells of `length` feature pixels that are resized to `new_length`, on the CPU."""
    pixels = torch.arange(new_length, device="cpu")
    at = pixels.double()
    if align_corners:
        step = (length - 1) / max(new_length - 1, 1)
        at = at * step
    else:
        step = length / new_length
        at = (at + 0.5) * step - 0.5
    cell = at.floor().long().clamp_(-1, length - 1) + 1  # [new_length]
    cells = torch.arange(length + 1, device="cpu")
    first = torch.searchsorted(cell, torch.arange(length + 2, device="cpu"))
    count = first.diff()  # [cells]
    slots = torch.arange(int(count.max()), device="cpu")[:, None]
    pixel = (first[:-1] + slots).clamp_(max=new_length - 1)
    offset = torch.where(count > 0, at[first[:-1].clamp(max=new_length - 1)] + 1 - cells, 0)
    return Axis(step, offset, pixel, slots < count, cell, first)


class Block(NamedTuple):
    """A rectangle of cells of one image, as slices of the cells of both axes."""

    image: int
    rows: slice
    columns: slice

    def corners(self, padded: Tensor) -> Tensor:
        """The part of a map [B, L, H + 2, W + 2] between which the cells lie, a view."""
        rows = slice(self.rows.start, self.rows.stop + 1)
        columns = slice(self.columns.start, self.columns.stop + 1)
        return padded[self.image, :, rows, columns]

    def slots(self, image: Tensor, rows: Axis, columns: Axis) -> tuple[Tensor, Tensor]:
        """Integers [B, h, w] in the order of the slots, int64, and which slots hold a pixel.

        Returns:
            [slots of a row, slots of a column, cells], twice.
        """
        row, row_filled = rows.pixel[:, self.rows], rows.filled[:, self.rows]
        column, column_filled = columns.pixel[:, self.columns], columns.filled[:, self.columns]
        at = row[None, :, :, None].to(image.device), column[:, None, None, :].to(image.device)
        filled = row_filled[None, :, :, None] & column_filled[:, None, None, :]
        found = image[self.image][at]  # [slots, slots, rows, columns]
        return found.flatten(2).to(torch.int64), filled.flatten(2).to(image.device)

    def place(self, image: Tensor, slots: Tensor, rows: Axis, columns: Axis) -> None:
        """Write values [slots, slots, cells] where they belong in an image [B, h, w]."""
        pixel_rows, row_slot, row = rows.places(self.rows)
        pixel_columns, column_slot, column = columns.places(self.columns)
        width = self.columns.stop - self.columns.start
        cells = (self.rows.stop - self.rows.start) * width
        along_rows = row_slot * cells + row * width
        along_columns = column_slot * (slots.shape[1] * cells) + column
        at = (along_rows[:, None] + along_columns).to(slots.device)
        image[self.image, pixel_rows, pixel_columns] = slots.flatten()[at]


def blocks(
    images: int, rows: Axis, columns: Axis, pixel_bytes: int, device: torch.device
) -> Iterator[Block]:
    """Rectangles that cover all cells once, each whose values take `BLOCK_BYTES` each."""
    cell_bytes = pixel_bytes * len(rows.pixel) * len(columns.pixel)
    most = max(1, BLOCK_BYTES.get(device.type, BLOCK_BYTES["cuda"]) // cell_bytes)  # cells
    height, width = len(rows.offset), len(columns.offset)
    tall, wide = max(1, most // width), min(most, width)
    for image in range(images):
        for top in range(0, height, tall):
            for left in range(0, width, wide):
                yield Block(
                    image,
                    slice(top, min(top + tall, height)),
                    slice(left, min(left + wide, width)),
                )


def pad(coarse: Tensor) -> Tensor:
    """A map [B, L, H, W] with its border repeated, [B, L, H + 2, W + 2]."""
    return F.pad(coarse, (1, 1, 1, 1), mode="replicate")


def is_level(corners: Tensor) -> bool:
    """Whether the exponentials of coarse logits, 0 at most, may be multiplied up.

    Not beyond the range of float32, and not with NaN. Nor on a GPU, where the check would block.
    """
    return corners.device.type == "cpu" and bool(corners.amin() > -STEEP)


class Increments(NamedTuple):
    """What the values of cells follow from, each [L, cells]."""

    first: Tensor
    """Value of the first image pixel."""
    down: Tensor
    """Growth from a row of image pixels to the next."""
    right: Tensor
    """Growth from a column of image pixels to the next, in the first row."""
    turn: Tensor
    """Growth of `right` from a row to the next."""


def increments(corners: Tensor, rows: Axis, columns: Axis, block: Block) -> Increments:
    """First values and growth in each cell of a block.

    Args:
        corners: feature pixels around the cells, [L, rows + 1, columns + 1].
        rows: cells of the rows.
        columns: cells of the columns.
        block: which of them.
    """
    below = rows.offset[block.rows].to(corners)[:, None]
    beside = columns.offset[block.columns].to(corners)
    top, bottom = corners[:, :-1], corners[:, 1:]
    down = (bottom - top) * rows.step  # [L, rows, columns + 1]
    first = torch.lerp(top, bottom, below)
    right = first[..., 1:] - first[..., :-1]
    turn = down[..., 1:] - down[..., :-1]
    parts = (
        torch.lerp(first[..., :-1], first[..., 1:], beside),
        torch.lerp(down[..., :-1], down[..., 1:], beside),
        right * columns.step,
        turn * columns.step,
    )
    return Increments(*(part.flatten(1) for part in parts))


def increments_between(
    top_left: Tensor,
    top_right: Tensor,
    bottom_left: Tensor,
    bottom_right: Tensor,
    below: Tensor,
    beside: Tensor,
    row_step: float,
    column_step: float,
) -> Increments:
    """First values and growth in cells whose corners are given, [L, cells] each.

    Args:
        top_left: corners of the cells, [L, cells], and so on.
        top_right: ...
        bottom_left: ...
        bottom_right: ...
        below: `Axis.offset` of the rows, [cells].
        beside: of the columns, [cells].
        row_step: `Axis.step` of the rows.
        column_step: of the columns.
    """
    down, down_right = (bottom_left - top_left) * row_step, (bottom_right - top_right) * row_step
    first = torch.lerp(top_left, bottom_left, below)
    last = torch.lerp(top_right, bottom_right, below)
    return Increments(
        torch.lerp(first, last, beside),
        torch.lerp(down, down_right, beside),
        (last - first) * column_step,
        (down_right - down) * column_step,
    )


def values(start: Increments, rows: Axis, columns: Axis) -> Tensor:
    """Values of all slots of the cells, [L, slots of a row, slots of a column, cells]."""
    down = _places(rows, start.first)
    first = torch.addcmul(start.first[:, None], start.down[:, None], down)
    right = torch.addcmul(start.right[:, None], start.turn[:, None], down)
    return torch.addcmul(first[:, None], right[:, None], _places(columns, start.first)[..., None])


def exponentials(start: Increments, rows: Axis, columns: Axis) -> Tensor:
    """Exponentials of `values`, where `is_level`."""
    start = Increments(*(part.exp() for part in start))
    first = _multiplied(start.first, start.down, len(rows.pixel))
    right = _multiplied(start.right, start.turn, len(rows.pixel))
    return _multiplied(first, right, len(columns.pixel))


def _places(along: Axis, like: Tensor) -> Tensor:
    """0, 1, ... for the slots of an axis, [slots, 1]."""
    return torch.arange(len(along.pixel), dtype=like.dtype, device=like.device)[:, None]


def _multiplied(first: Tensor, factor: Tensor, count: int) -> Tensor:
    """`first`, then each member `factor` times the one before, along a new second dimension.

    The members known so far, all multiplied at once, are as many again: log2(count) products.
    """
    members = first.new_empty((first.shape[0], count, *first.shape[1:]))
    members[:, 0] = first
    known = 1
    while known < count:
        more = min(known, count - known)
        torch.mul(members[:, :more], factor[:, None], out=members[:, known : known + more])
        known += more
        if known < count:
            factor = factor * factor
    return members


def spread_back(grad: Tensor, rows: Axis, columns: Axis, block: Block) -> Tensor:
    """Gradient with respect to the corners, [L, rows + 1, columns + 1].

    Args:
        grad: gradient of the values, [L, slots of a row, slots of a column, cells].
        rows: cells of the rows.
        columns: cells of the columns.
        block: which of them.
    """
    down, right = _places(rows, grad), _places(columns, grad)[..., None]
    down, right = torch.broadcast_tensors(down, right)
    parts = torch.stack([torch.ones_like(down), down, right, down * right]).flatten(1)
    height = block.rows.stop - block.rows.start
    summed = torch.matmul(parts, grad.flatten(1, 2)).unflatten(2, (height, -1))
    first, down, right, turn = summed.unbind(1)  # [L, rows, columns] each
    below = rows.offset[block.rows].to(grad)[:, None]
    beside = columns.offset[block.columns].to(grad)
    near = first * beside + right * columns.step  # what falls to the corners on the right
    near_down = down * beside + turn * columns.step
    corners = grad.new_zeros(len(grad), height + 1, first.shape[2] + 1)
    for column, part, part_down in (
        (slice(1, None), near, near_down),
        (slice(None, -1), first - near, down - near_down),
    ):
        bottom = part * below + part_down * rows.step
        corners[:, 1:, column] += bottom
        corners[:, :-1, column] += part - bottom
    return corners


def unpad(grad: Tensor) -> Tensor:
    """The transpose of `pad`: gradient [B, L, H + 2, W + 2] to [B, L, H, W]; overwrites `grad`."""
    grad[:, :, 1] += grad[:, :, 0]
    grad[:, :, -2] += grad[:, :, -1]
    grad[..., 1] += grad[..., 0]
    grad[..., -2] += grad[..., -1]
    return grad[:, :, 1:-1, 1:-1].contiguous()
