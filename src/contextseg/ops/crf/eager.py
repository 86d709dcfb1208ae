"""Mean field by fast filters: a lattice or a window for appearance, a separable one for smoothness.

The filters are linear and (nearly) symmetric in the beliefs, so their gradient is the transposed
filter: nothing is kept for it besides the kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from contextseg.ops.crf import lattice, window
from contextseg.ops.crf.kernels import Kernels, coordinates, per_class
from contextseg.ops.crf.smoothness import smooth

Filter = Callable[[Tensor, bool], Tensor]
"""From values [B, H, W, L] to normalised sums of the others', transposed or not."""


@torch.compiler.disable
def crf(
    logits: Tensor,
    image: Tensor,
    weights: Tensor,
    compatibility: Tensor,
    iterations: int,
    kernels: Kernels,
) -> Tensor:
    """Logits [B, L, H, W]; see `contextseg.ops.crf`."""
    unary = logits.permute(0, 2, 3, 1).contiguous()  # classes last, as all filters take them
    colours = image.permute(0, 2, 3, 1).contiguous()
    with torch.no_grad():
        filters = [appearance(colours, kernels), smoothness(colours, kernels)]
    strengths = per_class(weights, unary.shape[3])
    current = unary
    for _ in range(iterations):
        beliefs = softmax_of_last(current)
        messages = [
            strength * _Message.apply(beliefs, each, False)
            for strength, each in zip(strengths, filters, strict=True)
        ]
        current = unary - (messages[0] + messages[1]) @ compatibility.T
    return current.permute(0, 3, 1, 2)


def softmax_of_last(logits: Tensor) -> Tensor:
    """Softmax over the last of four dimensions, contiguous.

    On a CPU, PyTorch goes through a short last dimension number by number; moved to the front of
    the pixels, it takes a seventh of the time.
    """
    return logits.permute(0, 3, 1, 2).contiguous().softmax(1).permute(0, 2, 3, 1).contiguous()


def appearance(colours: Tensor, kernels: Kernels) -> Filter:
    """The appearance kernel of an image [B, H, W, C]."""
    B, H, W, _ = colours.shape
    if kernels.reach is not None:
        near = window.build(colours, kernels.position, kernels.colour, kernels.reach)
        return normalised(lambda values, _: near.filter(values), None, colours)
    places = coordinates(H, W, colours) / kernels.position
    features = torch.cat([places.repeat(B, 1), colours.flatten(0, 2) / kernels.colour], dim=1)
    image = torch.arange(B, device=colours.device).repeat_interleave(H * W)
    whole = lattice.build(features, image)

    def filtered(values: Tensor, transposed: bool) -> Tensor:
        return whole.filter(values.flatten(0, 2), transposed).view(values.shape)

    return normalised(filtered, whole.itself.view(B, H, W, 1), colours)


def smoothness(colours: Tensor, kernels: Kernels) -> Filter:
    """The smoothness kernel at the size of [B, H, W, C]."""

    def filtered(values: Tensor, _: bool) -> Tensor:
        return smooth(values, kernels.spread, kernels.reach)

    return normalised(filtered, colours.new_ones(1), colours)


def normalised(filtered: Filter, itself: Tensor | None, colours: Tensor) -> Filter:
    """A filter divided by the roots of both pixels' sums, without the pixel itself.

    Args:
        filtered: the filter.
        itself: weight of each pixel in its own sum; None if it is not in there.
        colours: [B, H, W, C], for size and dtype.
    """
    ones = colours.new_ones((*colours.shape[:3], 1))
    sums = filtered(ones, False)
    if itself is None:
        sums, itself = sums + 1, colours.new_zeros(1)
    scale = sums.rsqrt()

    def message(values: Tensor, transposed: bool) -> Tensor:
        scaled = values * scale
        return filtered(scaled, transposed).sub_(itself * scaled).mul_(scale)

    return message


class _Message(torch.autograd.Function):
    """A filter applied to beliefs [B, H, W, L]; its gradient is the transposed filter."""

    @staticmethod
    def forward(ctx: Any, beliefs: Tensor, message: Filter, transposed: bool) -> Tensor:
        ctx.message, ctx.transposed = message, transposed
        return message(beliefs, transposed)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return _Message.apply(slope.contiguous(), ctx.message, not ctx.transposed), None, None
