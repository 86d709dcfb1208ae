"""1x1 convolutions that PyTorch gives to the faster of its libraries on one thread too."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEWEST_IMAGES = 16
"""Images from which PyTorch gives every convolution to oneDNN."""
FEWEST_PRODUCTS = 2**20
"""Multiplications from which it pays: with fewer, oneDNN takes longer to start than they take."""
NO_EFFECT = 2
"""A dilation: it spreads the pixels of a kernel, of which a 1x1 convolution has one."""


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution with stride 1 that oneDNN computes on one thread, as it does on several.

    The same function as `nn.Conv2d`. On a single thread, PyTorch gives 1x1 convolutions of fewer
    than 16 images to the matrix product of another library, which takes up to 2.4 times as long
    (docs/machines.md); but not dilated ones.
    """

    def forward(self, input: Tensor) -> Tensor:
        """As `nn.Conv2d`."""
        if self._is_slow(input):
            return F.conv2d(input, self.weight, self.bias, dilation=NO_EFFECT)
        return super().forward(input)

    def _is_slow(self, input: Tensor) -> bool:
        if input.device.type != "cpu" or torch.compiler.is_compiling():
            return False
        onednn = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled
        if torch.get_num_threads() > 1 or not onednn:
            return False
        if input.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
            return False
        return (
            input.ndim == 4
            and len(input) < FEWEST_IMAGES
            and input.numel() * self.out_channels >= FEWEST_PRODUCTS
        )


def hasten_pointwise(network: nn.Module) -> None:
    """Turn the 1x1 convolutions of a network into `PointwiseConv2d`, in place.

    Parameters, their names and the function that is computed stay as they are.
    """
    for module in network.modules():
        if type(module) is nn.Conv2d and is_pointwise(module):
            module.__class__ = PointwiseConv2d


def is_pointwise(convolution: nn.Conv2d) -> bool:
    """Whether a convolution multiplies each pixel by the same matrix, and does nothing else."""
    return (
        convolution.kernel_size == (1, 1)
        and convolution.stride == (1, 1)
        and convolution.groups == 1
        and convolution.padding in ((0, 0), "valid", "same")
    )
