"""Strided 1x1 convolutions of few channels, computed so that PyTorch's CPU library is safe."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

FEWEST_SAFE = 16
"""Input channels from which a strided 1x1 convolution is safe: floats in a vector of AVX-512 (of
AVX2 it is 8)."""


class NarrowConv2d(nn.Conv2d):
    """A strided 1x1 convolution that takes the pixels it needs, and convolves those.

    The same function as `nn.Conv2d`. With fewer input channels than a vector of the processor
    holds, in channels-last order, oneDNN writes beyond its buffer when it computes the gradient of
    the weight: PyTorch 2.15 then crashes, or computes on with damaged memory. With stride 1, or in
    contiguous order, it does not; but a network's order follows its input's, whoever trains it.
    """

    def forward(self, input: Tensor) -> Tensor:
        """As `nn.Conv2d`."""
        rows, columns = self.stride
        return F.conv2d(input[:, :, ::rows, ::columns], self.weight, self.bias)


def guard_narrow(network: nn.Module) -> None:
    """Turn the convolutions of a network that oneDNN would damage memory in into `NarrowConv2d`.

    Parameters, their names and the function that is computed stay as they are.
    """
    for module in network.modules():
        if is_at_risk(module) and type(module) is nn.Conv2d:
            module.__class__ = NarrowConv2d


def is_at_risk(module: nn.Module) -> bool:
    """Whether a module is a convolution that oneDNN would damage memory in, as it is."""
    return (
        isinstance(module, nn.Conv2d)
        and not isinstance(module, NarrowConv2d)
        and module.kernel_size == (1, 1)
        and max(module.stride) > 1
        and module.in_channels < FEWEST_SAFE
        and module.groups == 1
        and module.padding in ((0, 0), "valid", "same")
    )
