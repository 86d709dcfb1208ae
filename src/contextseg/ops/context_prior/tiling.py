"""How the pairs of queries and keys are cut into tiles."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

TILE_SIDE = {"cpu": 768, "cuda": 4096}
"""Most queries and keys of a tile: what a cache holds on a CPU, what keeps a GPU busy."""


def tile_shape(weight: Tensor, N: int, groups: int) -> tuple[int, int]:
    """Most queries and keys of a tile: a square, or longer where a group has few keys."""
    side = TILE_SIDE.get(weight.device.type, TILE_SIDE["cuda"])
    keys = max(1, min(side, weight.shape[0] // groups))
    return max(1, min(side * side // keys, 4 * side, N)), keys


def part(buffer: Tensor, rows: slice, keys: slice) -> Tensor:
    """A contiguous tile at the start of a buffer."""
    shape = rows.stop - rows.start, keys.stop - keys.start
    return buffer[: shape[0] * shape[1]].view(shape)


def spans(length: int, most: int) -> Iterator[slice]:
    """Slices of about equal size that cover `length`, none longer than `most`."""
    number = -(-length // most)
    for i in range(number):
        yield slice(i * length // number, (i + 1) * length // number)


def key_spans(weight: Tensor, groups: int, most: int) -> Iterator[tuple[slice, slice]]:
    """Slices of keys within one group, with the channels that the group reads."""
    keys, width = weight.shape[0] // groups, weight.shape[1]
    for group in range(groups):
        for span in spans(keys, most):
            found = slice(group * keys + span.start, group * keys + span.stop)
            yield found, slice(group * width, (group + 1) * width)


def own_pairs(tile: Tensor, rows: slice, keys: slice) -> tuple[slice, Tensor]:
    """Queries of a tile that are among its keys, and a view of the tile at these pairs."""
    found = slice(max(rows.start, keys.start), min(rows.stop, keys.stop))
    if found.start >= found.stop:
        return slice(0, 0), tile.new_empty(0)
    block = tile[found.start - rows.start : found.stop - rows.start]
    return found, block[:, found.start - keys.start : found.stop - keys.start].diagonal()
