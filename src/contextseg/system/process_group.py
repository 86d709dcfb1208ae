"""Processes that work together: they join, wait for each other, and notice when one is lost."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from itertools import count
from typing import TYPE_CHECKING

from contextseg.system.extras import optional
from contextseg.system.first_process import Group, within
from contextseg.system.watch import watched
from contextseg.system.world import World, world_of

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

TIMEOUT = 1800
"""Seconds after which a process that does not answer counts as lost."""
JOIN = 600
"""Seconds that processes have to start: machines import at different speeds."""
_joins = count()
_has_joined = threading.Event()


@contextmanager
def joined(device: str = "cpu", timeout: float = TIMEOUT) -> Iterator[Group]:
    """Join the processes that a launcher started, for the time of the block.

    A process that works alone is a group of one, at no cost. Processes that have joined a group of
    torch.distributed already stay in it.

    Args:
        device: `cpu`, `cuda` or `auto`: what the processes compute on. On GPUs, each takes the one
            of its local rank.
        timeout: seconds after which a process that does not answer counts as lost: the others then
            raise an error.

    Raises:
        ValueError: the launcher's variables contradict each other, or there are too few GPUs.
    """
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        yield Group(joined_world(), timeout)
        return
    world = world_of()
    if world.size == 1:
        yield Group(world, timeout)
        return
    backend = _backend(world, device)
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")  # torchrun's store outlives one
    store = within(f"contextseg/{attempt}/{next(_joins)}", _store(world))
    if store.add("arrived", 1) == world.size:
        store.set("complete", "")
    store.wait(["complete"], timedelta(seconds=JOIN))
    if not _has_joined.is_set():
        _has_joined.set()
        atexit.register(_leave)
    dist.init_process_group(
        backend,
        store=store,
        rank=world.rank,
        world_size=world.size,
        timeout=timedelta(seconds=timeout),
    )
    with watched(store, timeout), contextlib.nullcontext() if world.is_first else _silence():
        yield Group(world, timeout)
        # Not after an error: others may be lost, and taking leave of them could hang.
        dist.barrier()
    _leave()


def _leave() -> None:
    """Leave the group, whose threads would abort a process that ends with them."""
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


def has_joined() -> bool:
    """Whether this process has ever joined others."""
    return _has_joined.is_set()


def joined_world() -> World:
    """This process among those of torch.distributed, alone if it has not joined any."""
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()):
        return World()
    launched, size = world_of(), dist.get_world_size()
    if launched.size == size:
        return launched
    return World(rank=dist.get_rank(), size=size, local_rank=dist.get_rank(), local_size=size)


def _backend(world: World, device: str) -> str:
    import torch

    cuda = torch.cuda.is_available() if device == "auto" else device.startswith("cuda")
    if not cuda:
        return "gloo"
    if torch.cuda.device_count() < world.local_size:
        raise ValueError(
            f"{world.local_size} processes were started on this machine, each for a GPU of its "
            f"own, but this one sees {torch.cuda.device_count()} GPUs. Start fewer, let each see "
            f"all GPUs (SLURM: --gpus-per-node), or run on the CPU (--device cpu)."
        )
    torch.cuda.set_device(world.local_rank)
    return "cpu:gloo,cuda:nccl"  # gloo for what is not on a GPU: results, signs of life


@cache
def _store(world: World) -> Store:
    """The store through which processes find each other; it lives as long as the process."""
    from torch.distributed.rendezvous import rendezvous

    if world.launcher == "srun":
        environments = optional("lightning.fabric.plugins.environments", "train")
        try:
            slurm = environments.SLURMEnvironment(auto_requeue=False)
        except RuntimeError as error:
            raise ValueError(str(error)) from None
        os.environ["MASTER_ADDR"] = slurm.main_address
        os.environ["MASTER_PORT"] = str(slurm.main_port)
    wait = timedelta(seconds=JOIN)
    return next(rendezvous("env://", world.rank, world.size, timeout=wait))[0]


@contextmanager
def _silence() -> Iterator[None]:
    """Log and warn of errors alone: the first process says the rest for all."""
    names = (
        "contextseg",
        *(n for n in logging.root.manager.loggerDict if n.startswith("contextseg")),
    )
    levels = {name: logging.getLogger(name).level for name in names}
    for name in levels:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
