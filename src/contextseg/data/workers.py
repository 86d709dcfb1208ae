"""Choose the number of data workers for this machine."""

from __future__ import annotations

import logging
from typing import Literal

from contextseg.system.resources import in_words, shared_memory, usable_cores
from contextseg.system.world import world_of

logger = logging.getLogger(__name__)

Workers = int | Literal["auto"]
"""Number of processes that read images, or `auto` to choose it by the machine."""

PREFETCH = 4
"""Batches that each worker keeps ready."""
_MOST = 8
"""Maximum number of workers: with more, the disk becomes the bottleneck, not the network."""
_CORES_PER_WORKER = 4
"""Cores per worker on a CPU, where the network needs most of them."""
_SHARE = 0.8
"""Share of the free shared memory that batches may fill."""


def sharers(world: int) -> int:
    """How many of `world` processes share this machine."""
    return min(world, world_of().local_size) if world_of().launcher else world


def choose_workers(wanted: Workers, batch_bytes: int, *, gpu: bool, processes: int = 1) -> int:
    """Choose the number of processes that read images for one training process.

    With a GPU, `auto` takes one worker per core, at most 8. On a CPU, it takes one for every four
    cores, at least 1, but none if there is only one core. In any case, batches must fit into shared
    memory (64 MiB in a container by default): a worker that finds it full is killed. A warning is
    logged if there are fewer workers for this reason.

    Args:
        wanted: a number, or `auto`.
        batch_bytes: size of the largest batch.
        gpu: whether the network runs on a GPU.
        processes: number of training processes that share this machine.

    Returns:
        Workers; 0 reads the images in the training process.
    """
    workers = _suitable(max(1, usable_cores() // processes), gpu) if wanted == "auto" else wanted
    free = shared_memory()
    if free is None or workers == 0:
        return workers
    fitting = int(_SHARE * free / processes / max(1, PREFETCH * batch_bytes))
    if fitting >= workers:
        return workers
    logger.warning(
        "%s of shared memory are free, but each data worker needs %s for its %d batches: %s. Give "
        "a container more with docker run --shm-size 2g.",
        in_words(free),
        in_words(PREFETCH * batch_bytes),
        PREFETCH,
        f"{fitting} of {workers} workers" if fitting else "images are read without workers",
    )
    return fitting


def _suitable(cores: int, gpu: bool) -> int:
    if gpu:
        return min(_MOST, cores)
    return 0 if cores == 1 else min(_MOST, max(1, cores // _CORES_PER_WORKER))
