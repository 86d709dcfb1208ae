"""How many pixels a network may see at once: by what it takes, measured, and what the machine has.

Bytes are counted, not read from the system: tensors that live at the same time. A count is the
same in every process, so a model and a machine decide the bound, and not the moment.
"""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from contextseg.system.resources import memory_size

SIDES = (128, 256)
"""Sides of the images that are measured, up to the next multiple of the network's stride."""
SHARE = 0.5
"""Share of the memory that a pass may take: libraries have buffers of their own, and other programs
and images in threads need some."""


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of tensors that are made in its block while they live, and the most of them.

    What an operator takes and gives back within itself is not counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self._now = 0
        self._known: dict[int, Any] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        result = function(*arguments, **(options or {}))
        before = {leaf.untyped_storage()._cdata for leaf in tree_leaves((arguments, options))
                  if isinstance(leaf, Tensor)}  # fmt: skip
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._note(leaf.untyped_storage(), before)
        return result

    def _note(self, storage: torch.UntypedStorage, before: set[int]) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known or key in before:
            return
        self._known[key] = weakref.finalize(storage, self._drop, key, size)
        self._now += size
        self.most = max(self.most, self._now)

    def _drop(self, key: int, size: int) -> None:
        self._known.pop(key, None)
        self._now -= size


def bytes_per_pixel(run: Callable[[int], object], device: torch.device, multiple: int) -> int:
    """Bytes that each pixel more of a square image takes.

    Args:
        run: predicts an image of so many rows and columns.
        device: of the network: a GPU's allocator tells the most that was held.
        multiple: of rows and columns.
    """
    sides = [-(-side // multiple) * multiple for side in SIDES]
    for side in sides:
        run(side)  # tables and the like stay after a first call
    small, large = (_most(run, side, device) for side in sides)
    pixels = [side**2 for side in sides]
    slope = (large - small) / (pixels[1] - pixels[0])
    return max(math.ceil(max(slope, large / pixels[1] / 2)), 1)


def pixels_that_fit(each: float, device: torch.device) -> int:
    """Pixels of a pass that takes `SHARE` of the memory that the process may use, or of the GPU's.

    Args:
        each: bytes per pixel.
        device: of the network.

    Returns:
        The number; a very large one if the size of the memory is unknown.
    """
    if device.type == "cuda":
        size: float = torch.cuda.get_device_properties(device).total_memory
    else:
        size = memory_size() or math.inf
    return int(min(SHARE * size / each, 2.0**40))


def _most(run: Callable[[int], object], side: int, device: torch.device) -> int:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run(side)
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    gc.collect()  # tensors in cycles would go at any moment
    with LiveBytes() as live:
        run(side)
    return live.most
