"""What the Triton kernels over upsampled logits share: the bilinear values of many classes."""
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
# (Triton's language is typed for its compiler, not for a Python type checker.)

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from contextseg.ops.upsampled_rows import neighbours

BLOCK_W = 64
"""Image pixels of a row that a program of a forward goes through the classes of."""


class Table(NamedTuple):
    """Between which feature pixels the image pixels of one dimension lie."""

    before: Tensor
    """[length of the image], int32."""
    after: Tensor
    """[length of the image], int32."""
    weight: Tensor
    """Of the one after, 0 to 1, [length of the image]."""


def table(
    length: int, new_length: int, align_corners: bool, device: torch.device, dtype: torch.dtype
) -> Table:
    """The table of `length` feature pixels resized to `new_length`."""
    before, after, weight = neighbours(
        length, new_length, 0, new_length, align_corners, device=device
    )
    return Table(before.to(torch.int32), after.to(torch.int32), weight.to(dtype))


@triton.jit
def bilinear(ptr, inside, upper, lower, down, left, right, across, SUM):
    """Values between four neighbours; all arguments broadcast against one another.

    Args:
        ptr: of feature pixel (0, 0) of each class.
        inside: where there is a value to load.
        upper: offset of the feature row before each image pixel.
        lower: of the one after.
        down: weight of the latter.
        left: offset of the feature column before each image pixel.
        right: of the one after.
        across: weight of the latter.
        SUM: dtype of the result.
    """
    a = tl.load(ptr + upper + left, mask=inside, other=0.0).to(SUM)
    b = tl.load(ptr + upper + right, mask=inside, other=0.0).to(SUM)
    c = tl.load(ptr + lower + left, mask=inside, other=0.0).to(SUM)
    d = tl.load(ptr + lower + right, mask=inside, other=0.0).to(SUM)
    a += (c - a) * down
    b += (d - b) * down
    return a + (b - a) * across


def triton_dtype(dtype: torch.dtype) -> tl.dtype:
    """The dtype that kernels sum in."""
    return tl.float64 if dtype == torch.float64 else tl.float32


def signature(logits: str, total: str, maps: dict[str, str], sizes: tuple[str, ...]) -> Any:
    """Types of a kernel's arguments by name, without its constants; see `ahead_of_time`.

    Args:
        logits: Triton's name of the logits' dtype.
        total: and of the dtype of the sums.
        maps: types of the pointers of the kernel's own.
        sizes: names of its integers, without strides.
    """
    tables = dict.fromkeys(("above_ptr", "below_ptr", "down_ptr"), "*i32")
    tables |= dict.fromkeys(("left_ptr", "right_ptr", "across_ptr"), "*i32")
    tables |= dict.fromkeys(("down_ptr", "across_ptr"), f"*{total}")
    strides = ("stride_b", "stride_l", "stride_h", "stride_w")
    return {"logits_ptr": f"*{logits}"} | tables | maps | dict.fromkeys(sizes + strides, "i32")


DTYPES = (("fp32", "fp32"), ("bf16", "fp32"), ("fp16", "fp32"), ("fp64", "fp64"))
"""Of the logits and of their sums, as Triton names them."""
