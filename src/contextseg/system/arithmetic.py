"""Multiply-accumulates of a network, and how fast this machine multiplies plain matrices."""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

Shape = tuple[int, ...]

PRODUCTS: tuple[tuple[int, int, int], ...] = (
    (3600, 512, 2048),
    (3600, 4608, 512),
    (2048, 2048, 2048),
)
"""Rows, inner length and columns of the products that are timed: convolutions on 60 x 60 features
(1 x 1, and 3 x 3 as a product of patches), and a square."""
SECONDS = 0.4
"""How long each product is repeated."""


def gmac(model: nn.Module, size: tuple[int, int], channels: int = 3) -> float:
    """Billions of multiply-accumulates per image, in convolutions and matrix products.

    Args:
        model: network for images [B, channels, h, w], on any device; it is counted as in eval mode.
        size: rows and columns of the image.
        channels: of the image.
    """
    return gmac_of_parts(model, size, channels)[""]


def gmac_of_parts(model: nn.Module, size: tuple[int, int], channels: int = 3) -> dict[str, float]:
    """`gmac` of a network and of each of its children, by attribute name; the whole is `""`.

    Shapes alone determine the count, so nothing is computed, and a large network takes a fraction
    of a second.

    Args:
        model: as for `gmac`; it is not changed.
        size: likewise.
        channels: likewise.
    """

    def operations(total: Shape, left: Shape, right: Shape, **_: Any) -> int:
        return 2 * math.prod(left) * right[-1]

    def transposed(left: Shape, right: Shape, *_: Any, **__: Any) -> int:
        return 2 * math.prod(left) * right[0]

    # PyTorch's counter does not know in-place products and those of oneDNN.
    missing: dict[Any, Any] = {
        torch.ops.aten.addmm_: operations,
        torch.ops.aten.baddbmm_: operations,
    }
    if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        missing[torch.ops.mkldnn._linear_pointwise] = transposed
    with FakeTensorMode(), torch.no_grad():
        shadow = _without_values(model)
        with FlopCounterMode(display=False, custom_mapping=missing) as counter:
            shadow(torch.zeros(1, channels, *size))
    counts, root = counter.get_flop_counts(), type(shadow).__name__
    found = {"": counter.get_total_flops()}
    for name, _ in shadow.named_children():
        found[name] = sum(counts.get(f"{root}.{name}", {}).values())
    return {name: operations / 2e9 for name, operations in found.items()}


def output_shape(model: nn.Module, size: tuple[int, int]) -> list[int]:
    """Shape of the tensor that a network makes of one image; nothing is computed.

    Args:
        model: as for `gmac`; it is not changed.
        size: likewise.
    """
    with FakeTensorMode(), torch.no_grad():
        return list(_without_values(model)(torch.zeros(1, 3, *size)).shape)


def _without_values(model: nn.Module) -> nn.Module:
    """A copy in eval mode whose tensors have shapes but no values, as if on the CPU in float32."""
    stand_ins: dict[int, Any] = {}
    for tensor in itertools.chain(model.parameters(), model.buffers()):
        dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
        empty = torch.empty(tensor.shape, dtype=dtype)
        parameter = isinstance(tensor, nn.Parameter)
        stand_ins[id(tensor)] = nn.Parameter(empty, requires_grad=False) if parameter else empty
    return copy.deepcopy(model, stand_ins).eval()


@torch.inference_mode()
def product_gflops(
    dtype: torch.dtype,
    products: Sequence[tuple[int, int, int]] = PRODUCTS,
    seconds: float = SECONDS,
) -> float:
    """How fast the CPU multiplies matrices: the best rate of several sizes, in GFLOP/s.

    A multiply-accumulate counts as two operations. Each size is rated by its fastest call, so other
    programs hardly matter.

    Args:
        dtype: `torch.float32` or `torch.bfloat16`.
        products: rows, inner length and columns of each product.
        seconds: how long each product is repeated, after one warm-up call.
    """
    return max(_gflops(_factors(shape, dtype), seconds) for shape in products)


def _factors(shape: tuple[int, int, int], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    rows, inner, columns = shape
    generator = torch.Generator().manual_seed(0)
    # Ordinary numbers: zeros and denormals would change the timing.
    left = torch.rand(rows, inner, generator=generator).to(dtype)
    return left, torch.rand(inner, columns, generator=generator).to(dtype)


def _gflops(factors: tuple[Tensor, Tensor], seconds: float) -> float:
    left, right = factors
    result = left @ right
    fastest, begin = math.inf, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        torch.mm(left, right, out=result)
        fastest = min(fastest, time.perf_counter() - start)
    return 2e-9 * left.numel() * right.shape[1] / fastest
