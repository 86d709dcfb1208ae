"""PyTorch-Encoding's networks: their state dicts and what they compute."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.interop import originals as o


def encnet(classes: int = 5, *, lateral: bool, aux: bool, se: bool, old: bool = False) -> o.State:
    """EncNet on resnet50s; `old` as the files of 2018: ImageNet classifier, no counters."""
    d = _backbone(counters=not old)
    if old:
        d.convolution("pretrained.fc", 1000, 2048)
        d.normal("pretrained.fc.bias", 1000, std=1)
    d.pair("head.conv5", 512, 2048, 3, 3)
    if lateral:
        d.pair("head.connect.0", 512, 512, 1, 1)
        d.pair("head.connect.1", 512, 1024, 1, 1)
        d.pair("head.fusion", 512, 1536, 3, 3)
    d.pair("head.encmodule.encoding", 512, 512, 1, 1)
    d.normal("head.encmodule.encoding.3.codewords", 32, 512, std=0.3)
    d.state["head.encmodule.encoding.3.scale"] = -torch.rand(32, generator=d.generator) / 50
    d.norm("head.encmodule.encoding.4", 32)
    d.convolution("head.encmodule.fc.0", 512, 512, bias=True)
    if se:
        d.convolution("head.encmodule.selayer", classes, 512, bias=True)
    d.convolution("head.conv6.1", classes, 512, 1, 1, bias=True)
    if aux:
        _fcn_head(d, "auxlayer", 1024, 256, classes)
    return d.state


def fcn(classes: int = 5) -> o.State:
    d = _backbone()
    _fcn_head(d, "head", 2048, 512, classes)
    _fcn_head(d, "auxlayer", 1024, 256, classes)
    return d.state


def pspnet(classes: int = 5) -> o.State:
    d = _backbone()
    for index in range(4):
        d.pair(f"head.conv5.0.conv{index + 1}", 512, 2048, 1, 1)
    d.pair("head.conv5", 512, 4096, 3, 3, first=1)
    d.convolution("head.conv5.5", classes, 512, 1, 1, bias=True)
    _fcn_head(d, "auxlayer", 1024, 256, classes)
    return d.state


def deeplabv3(classes: int = 5) -> o.State:
    d = _backbone()
    for index, side in enumerate((1, 3, 3, 3)):
        d.pair(f"head.aspp.b{index}", 256, 2048, side, side)
    d.pair("head.aspp.b4.gap", 256, 2048, 1, 1, first=1)
    d.pair("head.aspp.project", 256, 1280, 1, 1)
    d.pair("head.block", 256, 256, 3, 3)
    d.convolution("head.block.4", classes, 256, 1, 1, bias=True)
    return d.state


def logits(state: o.State, image: Tensor) -> Tensor:
    """What the original returns first: logits at the size of the image, align_corners True."""
    _, c2, c3, c4 = o.resnet50(state, "pretrained", "pretrained.conv1", "pretrained.bn1", image)
    if "head.conv6.1.weight" in state:
        coarse = _encnet(state, c2, c3, c4)[0]
    elif "head.conv5.5.weight" in state:
        maps = [c4]
        for index, bins in enumerate((1, 2, 3, 6)):
            pooled = o.pair(state, f"head.conv5.0.conv{index + 1}", F.adaptive_avg_pool2d(c4, bins))
            maps.append(o.resized(pooled, c4.shape[2:], True))
        x = o.pair(state, "head.conv5", torch.cat(maps, 1), first=1)
        coarse = o.classify(state, "head.conv5.5", x)
    elif "head.block.4.weight" in state:
        maps = [
            o.pair(state, f"head.aspp.b{index}", c4, dilation=rate)
            for index, rate in enumerate((1, 12, 24, 36))
        ]
        pooled = o.pair(state, "head.aspp.b4.gap", F.adaptive_avg_pool2d(c4, 1), first=1)
        maps.append(o.resized(pooled, c4.shape[2:], True))
        x = o.pair(state, "head.aspp.project", torch.cat(maps, 1))
        coarse = o.classify(state, "head.block.4", o.pair(state, "head.block", x))
    else:
        coarse = o.classify(state, "head.conv5.4", o.pair(state, "head.conv5", c4))
    return o.resized(coarse, image.shape[2:], True)


def presence(state: o.State, image: Tensor) -> Tensor:
    stages = o.resnet50(state, "pretrained", "pretrained.conv1", "pretrained.bn1", image)
    return _encnet(state, *stages[1:])[1]


def _encnet(state: o.State, c2: Tensor, c3: Tensor, c4: Tensor) -> tuple[Tensor, Tensor]:
    x = o.pair(state, "head.conv5", c4)
    if "head.fusion.0.weight" in state:
        laterals = [o.pair(state, f"head.connect.{i}", c) for i, c in enumerate((c2, c3))]
        x = o.pair(state, "head.fusion", torch.cat([x, *laterals], 1))
    name = "head.encmodule"
    projected = o.pair(state, f"{name}.encoding", x)
    semantics = o.encoding_semantics(state, projected, f"{name}.encoding.3", f"{name}.encoding.4")
    x = o.gated(x, semantics, state[f"{name}.fc.0.weight"], state[f"{name}.fc.0.bias"])
    weight, bias = (state.get(f"{name}.selayer.{part}") for part in ("weight", "bias"))
    said = semantics if weight is None or bias is None else semantics @ weight.T + bias
    return o.classify(state, "head.conv6.1", x), said


def _backbone(counters: bool = True) -> o.Drawing:
    drawing = o.Drawing(counters)
    drawing.resnet50("pretrained", "pretrained.conv1", (64, 64, 128), "pretrained.bn1")
    return drawing


def _fcn_head(d: o.Drawing, name: str, channels: int, width: int, classes: int) -> None:
    d.pair(f"{name}.conv5", width, channels, 3, 3)
    d.convolution(f"{name}.conv5.4", classes, width, 1, 1, bias=True)
