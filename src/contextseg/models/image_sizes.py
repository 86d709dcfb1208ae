"""Which image sizes a network takes, found by running it on shapes alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

MULTIPLES = (1, 4, 14, 16, 32, 64, 96, 128, 224, 256)
"""Candidates: patches of 4, 14 and 16 pixels, the stride 32, windows of 7 x 32 and 8 x 32, ..."""


def size_multiple(network: nn.Module, channels: int = 3) -> int | None:
    """The smallest candidate m for which a network takes images of any multiple of m; None if none.

    Args:
        network: takes images [1, channels, height, width]. Its mode and buffers stay as they are.
        channels: of its images.
    """
    for multiple in MULTIPLES:
        # About the smallest image, odd ones, and one that is a multiple larger.
        tried = [(33, 47), (97, 130)]
        if multiple > 1:
            tried.append((97, 130 + multiple))
        sizes = ([-(-side // multiple) * multiple for side in size] for size in tried)
        made = [shapes(network, height, width, channels) for height, width in sizes]
        if all(maps is not None and _same_channels(maps, made[0] or []) for maps in made):
            # Some networks resize every image to the size that they were made for.
            follows = all(a != b for a, b in zip(made[0] or [], made[-1] or [], strict=True))
            return multiple if follows else None
    return None


def _same_channels(maps: list[torch.Size], others: list[torch.Size]) -> bool:
    """Whether maps for images of two sizes have the same channels, first or last."""
    pairs = zip(maps, others, strict=True)
    return all(a[1] == b[1] or a[-1] == b[-1] for a, b in pairs)


def shapes(
    network: nn.Module, height: int, width: int, channels: int = 3
) -> list[torch.Size] | None:
    """The shapes of a network's maps for an image of this size; None if it raises an error."""
    training = network.training
    tensors: dict[str, Any] = dict(network.named_parameters(remove_duplicate=False))
    tensors.update(network.named_buffers(remove_duplicate=False))
    empty: dict[str, Tensor] = {name: tensor.to("meta") for name, tensor in tensors.items()}
    image = torch.zeros(1, channels, height, width, device="meta")
    network.eval()
    try:
        with torch.no_grad():
            maps = torch.func.functional_call(network, empty, (image,), tie_weights=False)
    except Exception:  # whatever a network raises for a size that it was not made for
        return None
    finally:
        network.train(training)
    return [stage.shape for stage in maps]
