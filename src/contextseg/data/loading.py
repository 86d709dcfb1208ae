"""Batches for training and for evaluation."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate
from torch.utils.data import Dataset as TorchDataset

from contextseg.config import IMAGENET_MEAN, AugmentConfig
from contextseg.data.bands import images_in
from contextseg.data.batch_sampler import BatchOrder
from contextseg.data.checked_samples import checked_sample
from contextseg.data.colour import jitter, jitter_channels
from contextseg.data.sample import Dataset
from contextseg.data.warp import draw_warp
from contextseg.data.workers import PREFETCH, Workers, choose_workers, sharers

_SIZES = 200
"""Images whose size is looked up before an evaluation."""


class Loader(DataLoader[Any]):
    """A loader that raises a dataset's own errors instead of a worker's traceback.

    A `ValueError` of the dataset is sent to this process instead of the batch: torch would wrap
    its message, and wait seconds for the worker that raised it.
    """

    def __init__(
        self,
        dataset: TorchDataset[Any],
        batch_sampler: Any,
        workers: Workers,
        pin_memory: bool | None,
        batch_bytes: int,
        processes: int = 1,
    ) -> None:
        gpu = torch.cuda.is_available() if pin_memory is None else pin_memory
        workers = choose_workers(workers, batch_bytes, gpu=gpu, processes=processes)
        super().__init__(
            _Caught(dataset),
            batch_sampler=batch_sampler,
            collate_fn=_collate,
            num_workers=workers,
            worker_init_fn=_start_worker,
            prefetch_factor=PREFETCH if workers else None,
            pin_memory=gpu,
            # A loader draws a seed whenever it starts. From the global generator, resuming or
            # validating more often would change a run's dropout.
            generator=torch.Generator(),
        )

    def __iter__(self) -> Any:
        for batch in super().__iter__():
            if isinstance(batch, ValueError):
                raise batch
            yield batch


class _Caught(TorchDataset[Any]):
    """A dataset that returns the `ValueError` it would raise."""

    def __init__(self, dataset: TorchDataset[Any]) -> None:
        self.dataset = dataset

    def __getitem__(self, place: Any) -> Any:
        try:
            return self.dataset[place]
        except ValueError as error:
            return error.with_traceback(None)


def _collate(items: list[Any]) -> Any:
    for item in items:
        if isinstance(item, ValueError):
            return item
    return default_collate(items)


class TrainingSet(TorchDataset[dict[str, Any]]):
    """Augmented training images.

    The random numbers of an image follow from (seed, epoch, index) alone.

    Args:
        dataset: images and labels.
        augment: the augmentation options.
        mean: of red, green and blue, or of each channel, in 0 to 1; fills the area outside the
            image.
        seed: at least 0.
    """

    def __init__(
        self,
        dataset: Dataset,
        augment: AugmentConfig,
        mean: tuple[float, ...] = IMAGENET_MEAN,
        seed: int = 0,
    ) -> None:
        self.dataset = dataset
        self.augment = augment
        self.seed = seed
        self._fill = tuple(255 * value for value in mean)
        self._jitter = jitter if images_in(dataset).is_rgb else jitter_channels

    def __len__(self) -> int:
        """Number of images."""
        return len(self.dataset)

    def __getitem__(self, place: tuple[int, int]) -> dict[str, Any]:
        """The image `place` = (epoch, index).

        Returns:
            `image` uint8 [3, *crop], RGB (others [C, *crop], as from `read_pixels`); `labels` uint8
            [*crop]; `index`.
        """
        epoch, index = place
        rng = np.random.default_rng((self.seed, epoch, index))
        image, labels, _ = checked_sample(self.dataset, index, epoch)
        warp = draw_warp(rng, image.shape[:2], self.augment)
        image = warp.image(self._jitter(rng, image, self.augment), self._fill)
        return {
            "image": to_tensor(image),
            "labels": torch.from_numpy(warp.labels(labels)),
            "index": index,
        }


class TrainingLoader(Loader):
    """The batches of a whole training run: the same for any number of workers and any first step.

    Each batch is a dictionary: `image` uint8 [B, 3, *crop], `labels` uint8 [B, *crop], `index`
    int64 [B], with B = batch_size / world. `len` is the number of batches of the whole run,
    wherever iteration starts.

    Args:
        dataset: augmented images.
        batch_size: images per step, over all processes.
        epochs: passes over the images; `order.steps_per_epoch` steps each.
        seed: at least 0; `BatchOrder` says how the order follows from it.
        workers: processes that read and augment; 0 does it in this one, `auto` chooses.
        rank: number of this process.
        world: number of processes; batch_size must be a multiple of it.
        pin_memory: page-locked batches, for copies to a GPU; None pins if there is one.
    """

    def __init__(
        self,
        dataset: TrainingSet,
        *,
        batch_size: int,
        epochs: int,
        seed: int = 0,
        workers: Workers = 0,
        rank: int = 0,
        world: int = 1,
        pin_memory: bool | None = None,
    ) -> None:
        self.order = BatchOrder(len(dataset), batch_size, epochs, seed, rank=rank, world=world)
        rows, columns = dataset.augment.crop_size
        batch_bytes = batch_size // world * rows * columns * pixel_bytes(dataset.dataset)
        super().__init__(dataset, self.order, workers, pin_memory, batch_bytes, sharers(world))

    def start(self, step: int) -> None:
        """Start this and all later iterations at batch `step`, 0 to len."""
        if not 0 <= step <= len(self.order):
            raise ValueError(f"step must be in 0 to {len(self.order)}, got {step}.")
        self.order.first = step


class _EvaluationSet(TorchDataset[dict[str, Any]]):
    """Whole images at their own size."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image, labels, _ = checked_sample(self.dataset, index)
        return {"image": to_tensor(image), "labels": as_tensor(labels), "index": index}


def evaluation_loader(
    dataset: Dataset,
    batch_size: int = 1,
    workers: Workers = 0,
    *,
    rank: int = 0,
    world: int = 1,
    limit: int | None = None,
    pin_memory: bool | None = None,
) -> DataLoader[dict[str, Tensor]]:
    """Whole images at their own size, each exactly once over all processes.

    Consecutive images of the same size share a batch. This requires a dataset that knows the sizes
    (`image_size(index)`); with any other, each image is a batch of its own.

    Args:
        dataset: images and labels.
        batch_size: most images in a batch.
        workers: processes that read; 0 does it in this one, `auto` takes as many as help on this
            machine.
        rank: number of this process, which gets every world-th image.
        world: number of processes.
        limit: take only the first `limit` images; None takes all.
        pin_memory: page-locked batches, for copies to a GPU; None pins if there is one.

    Returns:
        A loader of dictionaries: `image` uint8 [B, 3, h, w], `labels` uint8 [B, h, w], `index`
        int64 [B], the positions in the dataset.
    """
    count = len(dataset) if limit is None else min(limit, len(dataset))
    batches = _batches_of_one_size(dataset, range(rank, count, world), batch_size)
    return Loader(
        _EvaluationSet(dataset),
        batches,
        workers,
        pin_memory,
        _largest(dataset, batches),
        sharers(world),
    )


def _largest(dataset: Dataset, batches: Sequence[Sequence[int]]) -> int:
    """Bytes of the largest batch, by the size of each one's first image; 0 where none is known."""
    size_of = getattr(dataset, "image_size", None)
    if size_of is None:
        return 0
    # A header for each batch is read quickly; of very many, some in equal distances will do.
    some = batches[:: max(1, len(batches) // _SIZES)]
    each = pixel_bytes(dataset)
    return max((len(b) * math.prod(size_of(b[0])) * each for b in some if b), default=0)


def _batches_of_one_size(dataset: Dataset, indices: range, batch_size: int) -> list[list[int]]:
    size_of = getattr(dataset, "image_size", None)
    if size_of is None or batch_size == 1:
        return [[index] for index in indices]
    batches: list[list[int]] = []
    last_size = None
    for index in indices:
        size = size_of(index)
        if size != last_size or len(batches[-1]) == batch_size:
            batches.append([])
        batches[-1].append(index)
        last_size = size
    return batches


def _start_worker(_: int) -> None:
    """Set up a worker process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(0)  # the processes are the parallelism
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl-C


def _end_with_parent() -> None:
    """End this process if its parent is killed.

    PyTorch's workers notice that only if the parent forked them itself, not a fork server, which is
    how Python 3.14 starts processes.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def pixel_bytes(dataset: object) -> int:
    """Bytes of a pixel in a batch: its channels (red, green and blue), and the label."""
    images = images_in(dataset)
    return images.count * (4 if images.is_scaled else 1) + 1


def to_tensor(image: np.ndarray) -> Tensor:
    """[h, w, C] to [C, h, w]."""
    return torch.from_numpy(np.stack(cv2.split(image)))


def as_tensor(array: np.ndarray) -> Tensor:
    """A tensor of an array's values, without a copy where torch takes the array as it is.

    torch refuses negative strides (flipped arrays), and warns of memory that is read-only.
    """
    if min(array.strides, default=0) < 0 or not array.flags.writeable:
        array = array.copy()
    return torch.from_numpy(array)
