"""The appearance kernel among pixels of a window, by shifted products."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Window:
    """The kernel between each pixel and those at most some rows and columns away.

    The kernel is symmetric, so one half of the window is kept: 2 R (R + 1) planes.
    """

    planes: list[tuple[int, int, Tensor]]
    """Rows and columns to the other pixel, and the kernel [B, h, w] of pairs that far apart."""

    def filter(self, values: Tensor) -> Tensor:
        """Sums over the window, weighted by the kernel, without the pixel itself.

        Args:
            values: [B, H, W, L].
        """
        found = torch.zeros_like(values)
        for down, right, kernel in self.planes:
            near, far = _pair(values, down, right)
            into_near, into_far = _pair(found, down, right)
            into_near.addcmul_(kernel, far)
            into_far.addcmul_(kernel, near)
        return found


def build(image: Tensor, position: float, colour: float, reach: int) -> Window:
    """The kernel of an image [B, H, W, C]."""
    height, width = image.shape[1:3]
    planes = []
    for down in range(min(reach, height - 1) + 1):
        most = min(reach, width - 1)
        for right in range(-most if down else 1, most + 1):
            near, far = _pair(image, down, right)
            contrast = (near - far).square().sum(-1, keepdim=True)
            exponent = contrast / (2 * colour**2) + (down**2 + right**2) / (2 * position**2)
            planes.append((down, right, torch.exp(-exponent)))
    return Window(planes)


def _pair(values: Tensor, down: int, right: int) -> tuple[Tensor, Tensor]:
    """Views of the first and the second pixels of all pairs so far apart."""
    height, width = values.shape[1:3]
    left, rest = max(0, -right), max(0, right)
    near = values[:, : height - down, left : width - rest]
    return near, values[:, down:, rest : width - left]
