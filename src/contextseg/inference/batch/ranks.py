"""Shards in the processes that torchrun or srun started: each takes its share of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from contextseg.inference.batch.plan import Shard
from contextseg.inference.batch.shard import ShardTask
from contextseg.system.threads import limit_threads
from contextseg.system.world import World


def share_of(shards: Iterable[Shard], world: World) -> Iterator[Shard]:
    """The shards of this process: number i is the work of process i mod size."""
    return (shard for shard in shards if shard.number % world.size == world.rank)


def run_here(
    task: ShardTask, shards: Iterable[Shard], world: World, tick: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    """Make archives in this process; yields the summary of each.

    Args:
        task: what to do.
        shards: of this process.
        world: this process and the others.
        tick: called with the number of images done since the last call.

    Raises:
        MachineError, OSError, ValueError: a shard could not be made.
    """
    limit_threads(world.local_size)
    predictor = None
    for shard in shards:
        predictor = predictor or task.predictor(world.local_rank)
        yield task.run(predictor, shard, lambda: tick(1))
