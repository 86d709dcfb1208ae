"""Which images each training batch holds, as a function of seed and step alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_ORDER = 2**32 - 1
"""Keeps the random stream of the order separate from that of image `index` in the same round."""


class BatchOrder:
    """A batch sampler over a whole training run, as one stream.

    The stream is one permutation of all images after another: every image appears once before any
    repeats, and none is dropped. A batch may extend into the next round, or into several if the
    dataset is smaller than a batch. Each entry of a batch is (epoch, index): the round and the
    image, so that an image is augmented differently each time.

    Iteration starts at step `first` (0 unless changed); `len` counts all steps.

    Args:
        num_samples: images in the dataset.
        batch_size: images per step, over all processes.
        epochs: passes; one is max(1, num_samples // batch_size) steps.
        seed: at least 0.
        rank: rank of this process, which gets an equal, contiguous part of each batch.
        world: number of processes; together they see what a single process would.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        epochs: int,
        seed: int,
        *,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if num_samples < 1:
            raise ValueError("BatchOrder: the training dataset is empty.")
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}.")
        if batch_size % world:
            raise ValueError(
                f"batch_size must divide evenly over the processes, got {batch_size} images over "
                f"{world} processes."
            )
        self.num_samples = num_samples
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world = world
        self.steps_per_epoch = max(1, num_samples // batch_size)
        self.first = 0
        self._length = epochs * self.steps_per_epoch
        self._permutations: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        """Steps of the whole training run."""
        return self._length

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """The batches from `first` to the end."""
        return (self.batch(step) for step in range(self.first, len(self)))

    def batch(self, step: int) -> list[tuple[int, int]]:
        """This process's (epoch, index) pairs at a step, batch_size / world of them."""
        share = self.batch_size // self.world
        start = step * self.batch_size + self.rank * share
        return [
            (epoch, int(self._permutation(epoch)[place]))
            for epoch, place in (divmod(p, self.num_samples) for p in range(start, start + share))
        ]

    def _permutation(self, epoch: int) -> np.ndarray:
        if epoch not in self._permutations:
            # A batch spans one round or two, unless it is larger than the dataset.
            self._permutations = {e: p for e, p in self._permutations.items() if e == epoch - 1}
            rng = np.random.default_rng((self.seed, epoch, _ORDER))
            self._permutations[epoch] = rng.permutation(self.num_samples)
        return self._permutations[epoch]
