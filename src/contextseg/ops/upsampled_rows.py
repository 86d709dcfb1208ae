"""Some rows of a bilinear upsampling, for callers that never need all of them at once."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.ops.dispatch import sum_dtype

STRIP_BYTES = {"cpu": 4 * 2**20, "cuda": 64 * 2**20}
"""Bytes of a strip of upsampled logits: fits in a cache on a CPU, keeps a GPU busy."""


def upsampled_rows(
    coarse: Tensor,
    size: tuple[int, int],
    start: int,
    stop: int,
    *,
    align_corners: bool = False,
) -> Tensor:
    """Rows `start` to `stop - 1` of `F.interpolate(coarse, size, mode="bilinear")`.

    Only two feature rows an image row are read, and nothing of the size of the image is written.

    Args:
        coarse: feature map, [B, L, H, W], floating point, any strides.
        size: rows and columns (h, w) of the whole upsampled map, each at least 1.
        start: first row, in 0 to h - 1.
        stop: row after the last, in `start + 1` to h.
        align_corners: convention of `F.interpolate`.

    Returns:
        [B, L, stop - start, w], float32 (float64 for float64 input). Equal to `F.interpolate` but
        for rounding: the rows' positions are computed in float64.
    """
    rows = upsampled_lines(coarse, 2, size[0], start, stop, align_corners)
    if coarse.device.type != "cpu":
        return upsampled_lines(rows, 3, size[1], 0, size[1], align_corners)
    # On a CPU, F.interpolate along columns takes a quarter of the time of gathering; on a GPU its
    # kernel has one thread a column.
    B, L, R, W = rows.shape
    lines = rows.reshape(B, L * R, W)
    lines = F.interpolate(lines, size=size[1], mode="linear", align_corners=align_corners)
    return lines.view(B, L, R, size[1])


def upsampled_lines(
    coarse: Tensor, dim: int, length: int, start: int, stop: int, align_corners: bool
) -> Tensor:
    """Linear resize of one dimension of `coarse` to `length`, of which `start` to `stop - 1`."""
    before, after, weight = neighbours(coarse.shape[dim], length, start, stop, align_corners)
    dtype = sum_dtype(coarse.dtype)
    weight = weight.to(dtype).reshape(-1, *[1] * (coarse.ndim - 1 - dim))
    before, after, weight = (t.to(coarse.device) for t in (before, after, weight))
    left = coarse.index_select(dim, before).to(dtype)
    return left.lerp_(coarse.index_select(dim, after).to(dtype), weight)


def neighbours(
    length: int,
    new_length: int,
    start: int,
    stop: int,
    align_corners: bool,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor, Tensor]:
    """Positions before and after each of `start` to `stop - 1`, and the weight of the latter."""
    last = length - 1
    at = torch.arange(start, stop, dtype=torch.float64, device=device)
    if align_corners:
        at = at * (last / max(new_length - 1, 1))
    else:
        at = ((at + 0.5) * (length / new_length) - 0.5).clamp_min(0)
    before = at.floor().long().clamp_max(last)
    return before, (before + 1).clamp_max(last), at - before


def strips(rows: int, row_bytes: int, device: torch.device) -> Iterator[tuple[int, int]]:
    """Start and stop of strips that cover `rows` rows.

    Args:
        rows: number of rows, at least 1.
        row_bytes: bytes that one row of the temporary takes.
        device: where the temporary is; sets how many bytes a strip has.

    Yields:
        (start, stop), in order and without gaps, of at least one row each.
    """
    height = max(1, STRIP_BYTES.get(device.type, STRIP_BYTES["cuda"]) // max(row_bytes, 1))
    for start in range(0, rows, height):
        yield start, min(start + height, rows)
