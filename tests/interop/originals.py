"""The original networks as plain formulas of their state dicts, without the library's modules."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]
BLOCKS = (3, 4, 6, 3)


class Drawing:
    """A state dict with drawn values, written down name by name as the original code names them."""

    def __init__(self, counters: bool = True) -> None:
        self.state: State = {}
        self.counters = counters
        self.generator = torch.Generator().manual_seed(3)

    def normal(self, name: str, *shape: int, std: float) -> None:
        self.state[name] = std * torch.randn(shape, generator=self.generator)

    def convolution(self, name: str, *shape: int, bias: bool = False) -> None:
        self.normal(f"{name}.weight", *shape, std=math.sqrt(2 / math.prod(shape[1:])))
        if bias:
            self.normal(f"{name}.bias", shape[0], std=0.5)

    def norm(self, name: str, channels: int, gain: float = 1.0) -> None:
        uniform = torch.rand(4, channels, generator=self.generator)
        self.state[f"{name}.weight"] = gain * (0.5 + uniform[0])
        self.state[f"{name}.bias"] = uniform[1] - 0.5
        self.state[f"{name}.running_mean"] = uniform[2] - 0.5
        self.state[f"{name}.running_var"] = 0.5 + uniform[3]
        if self.counters:
            self.state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def conv_module(self, name: str, *shape: int) -> None:
        """mmcv's convolution with norm."""
        self.convolution(f"{name}.conv", *shape)
        self.norm(f"{name}.bn", shape[0])

    def pair(self, name: str, *shape: int, first: int = 0) -> None:
        """Convolution and norm, entries of a sequence."""
        self.convolution(f"{name}.{first}", *shape)
        self.norm(f"{name}.{first + 1}", shape[0])

    def resnet50(self, prefix: str, stem: str, widths: tuple[int, ...], last_norm: str) -> None:
        """A ResNet-50; `widths` are those of a deep stem, or (64,) for a 7x7 one."""
        if len(widths) == 1:
            self.convolution(f"{prefix}.conv1", 64, 3, 7, 7)
        else:
            for index, width in zip((0, 3, 6), widths, strict=True):
                before = 3 if index == 0 else widths[index // 3 - 1]
                self.convolution(f"{stem}.{index}", width, before, 3, 3)
                if index < 6:
                    self.norm(f"{stem}.{index + 1}", width)
        self.norm(last_norm, widths[-1])
        before = widths[-1]
        for stage, (blocks, width) in enumerate(zip(BLOCKS, (64, 128, 256, 512), strict=True), 1):
            for block in range(blocks):
                name = f"{prefix}.layer{stage}.{block}"
                self.convolution(f"{name}.conv1", width, before, 1, 1)
                self.norm(f"{name}.bn1", width)
                self.convolution(f"{name}.conv2", width, width, 3, 3)
                self.norm(f"{name}.bn2", width)
                self.convolution(f"{name}.conv3", 4 * width, width, 1, 1)
                self.norm(f"{name}.bn3", 4 * width, gain=0.3)
                if block == 0:
                    self.pair(f"{name}.downsample", 4 * width, before, 1, 1)
                before = 4 * width


def norm(state: State, name: str, x: Tensor) -> Tensor:
    mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    shape = [1, -1] + [1] * (x.ndim - 2)
    normal = (x - mean.view(shape)) / torch.sqrt(variance + 1e-5).view(shape)
    return normal * weight.view(shape) + bias.view(shape)


def pair(state: State, name: str, x: Tensor, first: int = 0, dilation: int = 1) -> Tensor:
    """Convolution, norm and ReLU that are entries of a sequence."""
    weight = state[f"{name}.{first}.weight"]
    x = F.conv2d(x, weight, padding=dilation * (weight.shape[-1] // 2), dilation=dilation)
    return torch.relu(norm(state, f"{name}.{first + 1}", x))


def conv_module(state: State, name: str, x: Tensor, dilation: int = 1) -> Tensor:
    """mmcv's convolution, norm and ReLU."""
    weight = state[f"{name}.conv.weight"]
    x = F.conv2d(x, weight, padding=dilation * (weight.shape[-1] // 2), dilation=dilation)
    return torch.relu(norm(state, f"{name}.bn", x))


def resnet50(state: State, prefix: str, stem: str, last_norm: str, x: Tensor) -> list[Tensor]:
    """Stages c2 to c5 at output stride 8: the last two dilated by 2 and 4, their first blocks by
    half of that."""
    if f"{prefix}.conv1.weight" in state:
        x = F.conv2d(x, state[f"{prefix}.conv1.weight"], stride=2, padding=3)
    else:
        for index in (0, 3, 6):
            x = F.conv2d(x, state[f"{stem}.{index}.weight"], stride=2 - (index > 0), padding=1)
            if index < 6:
                x = torch.relu(norm(state, f"{stem}.{index + 1}", x))
    x = torch.relu(norm(state, last_norm, x))
    x = F.max_pool2d(x, 3, stride=2, padding=1)
    stages = []
    for stage, blocks in enumerate(BLOCKS, 1):
        for block in range(blocks):
            name = f"{prefix}.layer{stage}.{block}"
            stride = 2 if stage == 2 and block == 0 else 1
            dilation = {1: 1, 2: 1, 3: 2, 4: 4}[stage]
            if block == 0 and dilation > 1:
                dilation //= 2
            y = torch.relu(norm(state, f"{name}.bn1", F.conv2d(x, state[f"{name}.conv1.weight"])))
            y = F.conv2d(
                y, state[f"{name}.conv2.weight"], None, stride, padding=dilation, dilation=dilation
            )
            y = torch.relu(norm(state, f"{name}.bn2", y))
            y = norm(state, f"{name}.bn3", F.conv2d(y, state[f"{name}.conv3.weight"]))
            if block == 0:
                x = F.conv2d(x, state[f"{name}.downsample.0.weight"], stride=stride)
                x = norm(state, f"{name}.downsample.1", x)
            x = torch.relu(x + y)
        stages.append(x)
    return stages


def encoding_semantics(state: State, projected: Tensor, codewords: str, norm_name: str) -> Tensor:
    """Encoded semantics [B, C] by the Encoding Layer as published: residuals spelt out."""
    x = projected.flatten(2).transpose(1, 2)  # [B, N, C]
    words, scale = state[f"{codewords}.codewords"], state[f"{codewords}.scale"]
    residuals = x[:, :, None] - words  # [B, N, K, C]
    weights = torch.softmax(scale * residuals.square().sum(3), dim=2)
    encoders = (weights[..., None] * residuals).sum(1)  # [B, K, C]
    return torch.relu(norm(state, norm_name, encoders)).mean(1)


def gated(x: Tensor, semantics: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    scaling = torch.sigmoid(semantics @ weight.T + bias)[:, :, None, None]
    return torch.relu(x + x * scaling)


def classify(state: State, name: str, x: Tensor) -> Tensor:
    return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"])


def resized(x: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    return F.interpolate(x, size, mode="bilinear", align_corners=align_corners)
