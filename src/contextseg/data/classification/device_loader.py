"""Batches of a dataset that is held in device memory and augmented there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from contextseg.data.batch_sampler import BatchOrder
from contextseg.data.classification.array import LabelledArray

EVALUATION_BATCH = 500


class MemoryLoader:
    """All batches of a training run, from images on the device, starting at any step.

    Random crop (of the image with a black border) and random flip are a single gather: no workers,
    no copy to the device. All random numbers follow from (seed, step) alone.

    Each batch is a dictionary: `image` uint8 [B, 3, h, w] in channels-last order, `labels` int64
    [B], `index` int64 [B]. `len` counts all batches, wherever iteration starts.

    Args:
        data: the images, any number of them.
        device: where images and batches live.
        batch_size: images per step.
        epochs: passes over the images.
        seed: at least 0; `BatchOrder` says how the order follows from it.
        padding: width of the border in pixels.
        flip: probability of a horizontal flip.
        rank: number of this process, which gets an equal, contiguous part of each batch.
        world: number of processes; together they see what a single one would.
    """

    def __init__(
        self,
        data: LabelledArray,
        device: torch.device,
        *,
        batch_size: int,
        epochs: int,
        seed: int = 0,
        padding: int = 4,
        flip: float = 0.5,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.order = BatchOrder(len(data), batch_size, epochs, seed)
        share = len(
            BatchOrder(len(data), batch_size, epochs, seed, rank=rank, world=world).batch(0)
        )
        self._share = slice(rank * share, (rank + 1) * share)
        self.device = device
        self.padding = padding
        self.flip = flip
        border = ((0, 0), (padding, padding), (padding, padding), (0, 0))
        self._images = torch.from_numpy(np.pad(data.images, border)).to(device)
        self._labels = torch.from_numpy(data.labels).to(device)
        self._size = data.images.shape[1:3]

    def __len__(self) -> int:
        """Batches of the whole training run."""
        return len(self.order)

    def start(self, step: int) -> None:
        """Start this and all later iterations at batch `step`, 0 to len."""
        if not 0 <= step <= len(self.order):
            raise ValueError(f"step must be in 0 to {len(self.order)}, got {step}.")
        self.order.first = step

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """The batches from `start` to the end."""
        return (self.batch(step) for step in range(self.order.first, len(self.order)))

    def batch(self, step: int) -> dict[str, Tensor]:
        """The batch at a step."""
        index = np.array([place for _, place in self.order.batch(step)])
        rng = np.random.default_rng((self.order.seed, step, len(index)))
        corners = rng.integers(0, 2 * self.padding + 1, (2, len(index), 1))
        flipped = rng.random((len(index), 1)) < self.flip
        height, width = self._size
        down, right = np.arange(height), np.arange(width)
        rows = corners[0] + down
        columns = corners[1] + np.where(flipped, right[::-1], right)
        # A single copy to the device for all random numbers.
        drawn = np.concatenate([index[:, None], rows, columns], axis=1)[self._share]
        drawn = torch.from_numpy(drawn)
        if self.device.type == "cuda":
            drawn = drawn.pin_memory()
        drawn = drawn.to(self.device, non_blocking=True)
        which, rows, columns = drawn[:, 0], drawn[:, 1 : 1 + height], drawn[:, 1 + height :]
        images = self._images[which[:, None, None], rows[:, :, None], columns[:, None, :]]
        return {"image": images.permute(0, 3, 1, 2), "labels": self._labels[which], "index": which}


class MemoryBatches:
    """Each image of a dataset once, unaugmented, in batches on the device.

    Batches have the form of `MemoryLoader`'s.

    Args:
        data: the images.
        device: where batches live.
        batch_size: images of a batch.
        limit: take only so many images from the beginning; None takes all.
        rank: number of this process, which gets every world-th image.
        world: number of processes.
    """

    def __init__(
        self,
        data: LabelledArray,
        device: torch.device,
        batch_size: int = EVALUATION_BATCH,
        *,
        limit: int | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.batch_size = batch_size
        share = slice(rank, limit, world)
        self._images = torch.from_numpy(data.images[share]).to(device)
        self._labels = torch.from_numpy(data.labels[share]).to(device)
        self._index = torch.arange(len(data), device=device)[share]

    def __len__(self) -> int:
        """Number of batches."""
        return -(-len(self._images) // self.batch_size)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """All batches in order."""
        for start in range(0, len(self._index), self.batch_size):
            part = slice(start, start + self.batch_size)
            images = self._images[part].permute(0, 3, 1, 2)
            yield {"image": images, "labels": self._labels[part], "index": self._index[part]}
