"""Depthwise convolutions in float32 where a CPU's bfloat16 gradients of them are slow."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Float32Depthwise(nn.Conv2d):
    """A convolution that leaves autocast for itself; its output has the dtype autocast wants.

    oneDNN has no fast bfloat16 gradient for strided and dilated depthwise convolutions: in
    MobileNetV2 at output stride 16 these six of 55 layers took a third of a training step
    (`benchmarks/train_step.py`).
    """

    @classmethod
    def of(cls, convolution: nn.Conv2d) -> Float32Depthwise:
        """The same convolution with the same parameters."""
        new = cls(
            convolution.in_channels,
            convolution.out_channels,
            convolution.kernel_size,  # type: ignore[arg-type]
            convolution.stride,  # type: ignore[arg-type]
            convolution.padding,  # type: ignore[arg-type]
            convolution.dilation,  # type: ignore[arg-type]
            convolution.groups,
            convolution.bias is not None,
            convolution.padding_mode,
            device="meta",
        )
        new.weight, new.bias = convolution.weight, convolution.bias
        return new

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of [B, C, H, W]."""
        kind = input.device.type
        if not torch.is_autocast_enabled(kind):
            return super().forward(input)
        with torch.autocast(kind, enabled=False):
            return super().forward(input.float()).to(torch.get_autocast_dtype(kind))


def widen_depthwise(module: nn.Module) -> None:
    """Replace the strided and dilated depthwise convolutions in `module`; no name changes."""
    for name, child in module.named_children():
        if (
            type(child) is nn.Conv2d
            and child.groups == child.in_channels > 1
            and (max(child.stride) > 1 or max(child.dilation) > 1)
        ):
            module.add_module(name, Float32Depthwise.of(child))
        else:
            widen_depthwise(child)
