"""Convolutions that stay in float32 when the rest of a network trains in bfloat16.

There are two kinds. The first is the *stem*, for its gradients: rounding the first feature maps to
eight bits disturbs the gradients of all later layers. On MobileNetV2 with ImageNet weights and
CamVid crops, the cosine between the gradient in bfloat16 and that in float32 was 0.75, and 0.98
with the stem in float32. The second, on a CPU, is *strided and dilated depthwise* convolutions, for
speed: they have no fast gradient in bfloat16 (`benchmarks/train_step.py` times a step).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from contextseg.models.backbone import Backbone


class Float32Conv2d(nn.Conv2d):
    """A convolution that runs outside autocast.

    Args:
        convolution: the one to replace; its parameters are shared.
        widen: return float32, so that the following norm and activation run in float32 too; else
            return the dtype of autocast.
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
        """Convolve [B, C, H, W]."""
        kind = input.device.type
        if not torch.is_autocast_enabled(kind):
            return super().forward(input)
        with torch.autocast(kind, enabled=False):
            output = super().forward(input.float())
        return output if self.widen else output.to(torch.get_autocast_dtype(kind))


def keep_float32(model: nn.Module, backbone: Backbone, device_type: str) -> None:
    """Replace the convolutions of `model` that are better in float32; no names change.

    Args:
        model: the network, changed in place.
        backbone: its backbone, which contains the stem.
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
    """Convolutions up to the first stage if that is at half the image size, else the first one."""
    last = backbone.first_stage or ""
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
