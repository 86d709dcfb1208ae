"""TensorFlow's "same" padding of timm's backbones, in whole numbers while a graph is traced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from timm.layers import padding
from torch import SymInt, Tensor


def same_padding(size: int | SymInt, kernel: int, stride: int, dilation: int) -> Any:
    """Pixels to add to `size` so that a window gives one output for every `stride` of them.

    Equal to timm's, which a tracer turns into a maximum of rounded quotients that grows from layer
    to layer: of this form, it sees that the output has (size - 1) // stride + 1 pixels.
    """
    reach = dilation * (kernel - 1) + 1
    if reach == 1:
        return 0
    missing = (size - 1) // stride * stride + reach - size
    return missing if reach >= stride else torch.sym_max(missing, 0)


@contextmanager
def whole_number_padding() -> Iterator[None]:
    """Let timm's layers compute their padding by `same_padding`."""
    original = padding.get_same_padding

    def replacement(x: Any, kernel_size: int, stride: int, dilation: int) -> Any:
        form: Any = original if isinstance(x, Tensor) else same_padding
        return form(x, kernel_size, stride, dilation)

    padding.get_same_padding = replacement
    try:
        yield
    finally:
        padding.get_same_padding = original
