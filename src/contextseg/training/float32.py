"""Convolutions that stay in float32 when the rest of a network trains in bfloat16.

Two kinds do. Those of the *stem*, for their gradients: rounding the first feature maps to eight
bits disturbs the gradient of everything behind them. On MobileNetV2 with ImageNet weights and
CamVid crops, the cosine between the gradient in bfloat16 and that in float32 was 0.75, and 0.98
with the stem in float32. And on a CPU *strided and dilated depthwise* ones, for their speed: there
is no fast bfloat16 gradient of them (`benchmarks/train_step.py` times a step).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from contextseg.models.backbone import Backbone


class Float32Conv2d(nn.Conv2d):
    """A convolution that leaves autocast for itself.

    Args:
        convolution: the one to replace; its parameters are shared.
        widen: return float32, so that norm and activation behind it run in float32 too; else the
            dtype that autocast wants.
    """

    def __init__(self, convolution: nn.Conv2d, *, widen: bool) -> None:
        options: dict[str, Any] = {
            name: getattr(convolution, name)
            for name in ("in_channels", "out_channels", "kernel_size", "stride", "padding",
                         "dilation", "groups", "padding_mode")
        }  # fmt: skip
        super().__init__(**options, bias=convolution.bias is not None, device="meta")
        self.weight, self.bias = convolution.weight, convolution.bias
        self.widen = widen

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of [B, C, H, W]."""
        kind = input.device.type
        if not torch.is_autocast_enabled(kind):
            return super().forward(input)
        with torch.autocast(kind, enabled=False):
            output = super().forward(input.float())
        return output if self.widen else output.to(torch.get_autocast_dtype(kind))


def keep_float32(model: nn.Module, backbone: Backbone, device_type: str) -> None:
    """Replace in `model` the convolutions that are better in float32; no name changes.

    Args:
        model: the network, changed in place.
        backbone: its backbone, which has the stem.
        device_type: `cpu` or `cuda`.
    """
    stem = stem_convolutions(backbone)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is not nn.Conv2d:
                continue
            if child in stem or (device_type == "cpu" and _is_slow(child)):
                parent.add_module(name, Float32Conv2d(child, widen=child in stem))


def stem_convolutions(backbone: Backbone) -> list[nn.Conv2d]:
    """Convolutions up to the first stage if that has half the image's size, else the first one."""
    info: Any = backbone.model.feature_info
    last = info.module_name(0) if info.reduction()[0] <= 2 else ""
    found: list[nn.Conv2d] = []
    inside = False
    for name, module in backbone.model.named_modules():
        here = name in (last, last.replace(".", "_"))
        if inside and not name.startswith((last + ".", last.replace(".", "_") + ".")):
            break
        inside = inside or (here and bool(last))
        if isinstance(module, nn.Conv2d):
            found.append(module)
            if not last:
                break
    return found


def _is_slow(convolution: nn.Conv2d) -> bool:
    depthwise = convolution.groups == convolution.in_channels > 1
    return depthwise and (max(convolution.stride) > 1 or max(convolution.dilation) > 1)
