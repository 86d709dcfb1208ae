"""What the Triton kernels over upsampled logits share: where pixels lie, and values between them.

Image pixel n of a dimension lies at feature pixel (n · times + plus) / per, all whole numbers, so
kernels need no tables and round once. As on a CPU (see `upsampled_cells`), cell j lies between
feature pixels j - 1 and j; before the first and after the last are cells with one neighbour.
"""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor


class Scale(NamedTuple):
    """Where the image pixels of one dimension lie among its feature pixels."""

    length: int
    """Feature pixels."""
    new_length: int
    """Image pixels."""
    times: int
    plus: int
    per: int

    @property
    def slots(self) -> int:
        """Most image pixels in a cell, or a few more."""
        most = -(-self.per // self.times) if self.times else self.new_length
        return min(self.new_length, most)


def scale(length: int, new_length: int, align_corners: bool) -> Scale:
    """`length` feature pixels resized to `new_length` image pixels, as `F.interpolate` does it."""
    if align_corners:
        return Scale(length, new_length, length - 1, 0, max(new_length - 1, 1))
    return Scale(length, new_length, 2 * length, length - new_length, 2 * new_length)


def coalesced(coarse_logits: Tensor) -> Tensor:
    """Logits whose neighbours in a row are neighbours in memory, as the kernels read them."""
    return coarse_logits if coarse_logits.stride(3) == 1 else coarse_logits.contiguous()


@triton.jit
def first_pixel(cell, length, new_length, times, plus, per):
    """First image pixel of a cell, or of the next one with a pixel; `new_length` past the last."""
    start = tl.maximum((cell - 1).to(tl.int64) * per - plus, 0)
    step = tl.maximum(times, 1)
    pixel = tl.minimum((start + step - 1) // step, new_length).to(tl.int32)
    return tl.where(cell > length, new_length, pixel)


@triton.jit
def distance(pixel, before, times, plus, per, SUM: tl.constexpr):
    """From feature pixel `before` to an image pixel behind it, 0 to 1: the weight of the next."""
    part = pixel.to(tl.int64) * times + plus - before.to(tl.int64) * per
    return tl.maximum(part, 0).to(SUM) / per.to(SUM)


@triton.jit
def neighbours(pixel, length, times, plus, per, SUM: tl.constexpr):
    """Feature pixels before and after image pixels, and the weight of the latter."""
    whole = tl.maximum(pixel.to(tl.int64) * times + plus, 0) // per
    before = tl.minimum(whole, length - 1).to(tl.int32)
    return (
        before,
        tl.minimum(before + 1, length - 1),
        distance(pixel, before, times, plus, per, SUM),
    )


@triton.jit
def line(ptr, above, below, left, right, across, SUM: tl.constexpr):
    """Values of a class in a feature row, and how much they grow to the next one.

    Args:
        ptr: of feature pixel (0, 0) of the class; the offsets broadcast against one another.
        above: offset of the feature row.
        below: of the next one.
        left: offset of the feature column before each value.
        right: of the one after.
        across: weight of the latter.
        SUM: dtype of the results.
    """
    a = tl.load(ptr + (above + left)).to(SUM)
    b = tl.load(ptr + (above + right)).to(SUM)
    c = tl.load(ptr + (below + left)).to(SUM)
    d = tl.load(ptr + (below + right)).to(SUM)
    a += (b - a) * across
    c += (d - c) * across
    return a, c - a


def triton_dtype(dtype: torch.dtype) -> tl.dtype:
    """The dtype that kernels sum in."""
    return tl.float64 if dtype == torch.float64 else tl.float32


SIZES = (
    *("L", "H", "height", "row_times", "row_plus", "row_per"),
    *("W", "width", "column_times", "column_plus", "column_per"),
    *("stride_b", "stride_l", "stride_h"),
)
"""Whole numbers that every kernel takes, in this order: classes, a `Scale` of each dimension, and
strides of the logits. Kernels are not compiled anew for some values of them."""


def signature(logits: str, maps: dict[str, str]) -> dict[str, str]:
    """Types of a kernel's arguments by name, without its constants; see `ahead_of_time`.

    Args:
        logits: Triton's name of the logits' dtype.
        maps: types of the pointers of the kernel's own.
    """
    return {"logits_ptr": f"*{logits}"} | maps | dict.fromkeys(SIZES, "i32")


DTYPES = (("fp32", "fp32"), ("bf16", "fp32"), ("fp16", "fp32"), ("fp64", "fp64"))
"""Of the logits and of their sums, as Triton names them."""
