"""CPNet of its authors: its state dict and what it computes, with the whole prior map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.interop import mmsegmentation as mm
from tests.interop import originals as o

HEAD = mm.HEAD


def cpnet(classes: int, grid: tuple[int, int], kernel: int = 7) -> o.State:
    """CPNet with a prior for features of `grid` pixels."""
    d = mm.backbone()
    name = f"{HEAD}.aggregation"
    d.conv_module(f"{name}.reduce_conv", 512, 2048, 3, 3)
    for branch, shape in (
        ("t1", (kernel, 1)),
        ("t2", (1, kernel)),
        ("p1", (1, kernel)),
        ("p2", (kernel, 1)),
    ):
        d.convolution(f"{name}.{branch}.conv", 512, 1, *shape, bias=True)
    d.norm(f"{name}.norm", 512)
    d.conv_module(f"{HEAD}.prior_conv", grid[0] * grid[1], 512, 1, 1)
    d.conv_module(f"{HEAD}.intra_conv", 512, 512, 1, 1)
    d.conv_module(f"{HEAD}.inter_conv", 512, 512, 1, 1)
    d.conv_module(f"{HEAD}.bottleneck", 512, 3072, 3, 3)
    return mm.finish(d, classes)


def logits(state: o.State, image: Tensor) -> Tensor:
    x = o.resnet50(state, "backbone", "backbone.stem", "backbone.stem.7", image)[3]
    name = f"{HEAD}.aggregation"
    value = o.conv_module(state, f"{name}.reduce_conv", x)
    first = depthwise(state, f"{name}.t2", depthwise(state, f"{name}.t1", value))
    second = depthwise(state, f"{name}.p2", depthwise(state, f"{name}.p1", value))
    value = torch.relu(o.norm(state, f"{name}.norm", first + second))
    keys = F.conv2d(value, state[f"{HEAD}.prior_conv.conv.weight"])
    prior = torch.sigmoid(o.norm(state, f"{HEAD}.prior_conv.bn", keys).flatten(2).mT)  # [B, N, N]
    values = value.flatten(2).mT / prior.shape[2]
    maps = [x]
    for context, weights in (("intra_conv", prior), ("inter_conv", 1 - prior)):
        gathered = (weights @ values).mT.unflatten(2, x.shape[2:])
        maps.append(o.conv_module(state, f"{HEAD}.{context}", gathered))
    features = o.conv_module(state, f"{HEAD}.bottleneck", torch.cat(maps, 1))
    coarse = o.classify(state, f"{HEAD}.conv_seg", features)
    return o.resized(coarse, image.shape[2:], False)


def depthwise(state: o.State, name: str, x: Tensor) -> Tensor:
    weight = state[f"{name}.conv.weight"]
    padding = (weight.shape[2] // 2, weight.shape[3] // 2)
    return F.conv2d(x, weight, state[f"{name}.conv.bias"], padding=padding, groups=x.shape[1])
