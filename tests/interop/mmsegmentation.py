"""mmsegmentation's networks: their state dicts and what they compute."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.interop import originals as o

HEAD = "decode_head"


def backbone(widths: tuple[int, ...] = (32, 32, 64)) -> o.Drawing:
    drawing = o.Drawing()
    last_norm = "backbone.stem.7" if len(widths) == 3 else "backbone.bn1"
    drawing.resnet50("backbone", "backbone.stem", widths, last_norm)
    return drawing


def finish(d: o.Drawing, classes: int, width: int = 512) -> o.State:
    """Classifier and auxiliary head, which all networks have."""
    d.convolution(f"{HEAD}.conv_seg", classes, width, 1, 1, bias=True)
    d.conv_module("auxiliary_head.convs.0", 256, 1024, 3, 3)
    d.convolution("auxiliary_head.conv_seg", classes, 256, 1, 1, bias=True)
    return d.state


def encnet(
    classes: int = 5, *, lateral: bool = False, widths: tuple[int, ...] = (32, 32, 64)
) -> o.State:
    d = backbone(widths)
    d.conv_module(f"{HEAD}.bottleneck", 512, 2048, 3, 3)
    if lateral:
        d.conv_module(f"{HEAD}.lateral_convs.0", 512, 512, 1, 1)
        d.conv_module(f"{HEAD}.lateral_convs.1", 512, 1024, 1, 1)
        d.conv_module(f"{HEAD}.fusion", 512, 1536, 3, 3)
    name = f"{HEAD}.enc_module"
    d.conv_module(f"{name}.encoding_project", 512, 512, 1, 1)
    d.normal(f"{name}.encoding.0.codewords", 32, 512, std=0.3)
    d.state[f"{name}.encoding.0.scale"] = -torch.rand(32, generator=d.generator) / 50
    d.norm(f"{name}.encoding.1", 32)
    d.convolution(f"{name}.fc.0", 512, 512, bias=True)
    d.convolution(f"{HEAD}.se_layer", classes, 512, bias=True)
    return finish(d, classes)


def fcn(classes: int = 5) -> o.State:
    d = backbone()
    d.conv_module(f"{HEAD}.convs.0", 512, 2048, 3, 3)
    d.conv_module(f"{HEAD}.convs.1", 512, 512, 3, 3)
    d.conv_module(f"{HEAD}.conv_cat", 512, 2560, 3, 3)
    return finish(d, classes)


def pspnet(classes: int = 5) -> o.State:
    d = backbone()
    for index in range(4):
        d.conv_module(f"{HEAD}.psp_modules.{index}.1", 512, 2048, 1, 1)
    d.conv_module(f"{HEAD}.bottleneck", 512, 4096, 3, 3)
    return finish(d, classes)


def deeplabv3(classes: int = 5) -> o.State:
    d = backbone()
    d.conv_module(f"{HEAD}.image_pool.1", 512, 2048, 1, 1)
    for index, side in enumerate((1, 3, 3, 3)):
        d.conv_module(f"{HEAD}.aspp_modules.{index}", 512, 2048, side, side)
    d.conv_module(f"{HEAD}.bottleneck", 512, 2560, 3, 3)
    return finish(d, classes)


def logits(state: o.State, image: Tensor, *, align_corners: bool = False) -> Tensor:
    """What the original's `encode_decode` returns."""
    last_norm = "backbone.stem.7" if "backbone.stem.7.weight" in state else "backbone.bn1"
    stages = o.resnet50(state, "backbone", "backbone.stem", last_norm, image)
    head = next(
        head
        for name, head in (
            ("se_layer", _encnet), ("psp_modules", _pspnet), ("image_pool", _deeplabv3),
            ("conv_cat", _fcn),
        )
        if any(key.startswith(f"{HEAD}.{name}.") for key in state)
    )  # fmt: skip
    coarse = o.classify(state, f"{HEAD}.conv_seg", head(state, stages))
    return o.resized(coarse, image.shape[2:], align_corners)


def _pspnet(state: o.State, stages: list[Tensor]) -> Tensor:
    maps = [stages[3]]
    for index, bins in enumerate((1, 2, 3, 6)):
        pooled = F.adaptive_avg_pool2d(stages[3], bins)
        pooled = o.conv_module(state, f"{HEAD}.psp_modules.{index}.1", pooled)
        maps.append(o.resized(pooled, stages[3].shape[2:], False))
    return o.conv_module(state, f"{HEAD}.bottleneck", torch.cat(maps, 1))


def _deeplabv3(state: o.State, stages: list[Tensor]) -> Tensor:
    pooled = F.adaptive_avg_pool2d(stages[3], 1)
    pooled = o.conv_module(state, f"{HEAD}.image_pool.1", pooled)
    maps = [o.resized(pooled, stages[3].shape[2:], False)]  # in front of the other branches
    for index, rate in enumerate((1, 12, 24, 36)):
        maps.append(o.conv_module(state, f"{HEAD}.aspp_modules.{index}", stages[3], rate))
    return o.conv_module(state, f"{HEAD}.bottleneck", torch.cat(maps, 1))


def _fcn(state: o.State, stages: list[Tensor]) -> Tensor:
    x = o.conv_module(state, f"{HEAD}.convs.1", o.conv_module(state, f"{HEAD}.convs.0", stages[3]))
    return o.conv_module(state, f"{HEAD}.conv_cat", torch.cat([stages[3], x], 1))


def _encnet(state: o.State, stages: list[Tensor]) -> Tensor:
    x = o.conv_module(state, f"{HEAD}.bottleneck", stages[3])
    if f"{HEAD}.fusion.conv.weight" in state:
        laterals = [
            o.conv_module(state, f"{HEAD}.lateral_convs.{i}", stages[1 + i]) for i in (0, 1)
        ]
        x = o.conv_module(state, f"{HEAD}.fusion", torch.cat([x, *laterals], 1))
    name = f"{HEAD}.enc_module"
    projected = o.conv_module(state, f"{name}.encoding_project", x)
    semantics = o.encoding_semantics(state, projected, f"{name}.encoding.0", f"{name}.encoding.1")
    return o.gated(x, semantics, state[f"{name}.fc.0.weight"], state[f"{name}.fc.0.bias"])
