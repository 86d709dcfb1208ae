"""The processes of a training, for Lightning."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Any, cast

import torch
import torch.distributed as dist
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities import rank_zero_only
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from contextseg.config.training import TrainingConfig
from contextseg.system.process_group import joined_world
from contextseg.system.world import World
from contextseg.training.sync_batchnorm import group_of, synchronise

_KNOWN = inspect.signature(DistributedDataParallel).parameters
_BUFFERS = "forward_sync_buffers" if "forward_sync_buffers" in _KNOWN else "broadcast_buffers"
"""The option of PyTorch that copies buffers from rank 0 before each step; 2.15 renamed it."""


def check_share(config: TrainingConfig, world: World) -> None:
    """Raise unless every process can take an equal share of a batch."""
    batch_size = config.batch_size
    if isinstance(batch_size, int) and batch_size % world.size:
        raise ValueError(
            f"batch_size must divide evenly over the processes, got {batch_size} images "
            f"over {world.size} processes."
        )


def trainer_options(
    config: TrainingConfig, *, find_unused_parameters: bool = False
) -> dict[str, Any]:
    """Devices, strategy and environment of Lightning's trainer, for the processes that joined.

    Args:
        config: a training.
        find_unused_parameters: whether some parameters get no gradients.
    """
    world = joined_world()
    # Lightning guesses it from variables of any launcher.
    cast(Any, rank_zero_only).rank = world.rank
    if world.size == 1:
        return {"devices": 1, "plugins": [LightningEnvironment()]}
    slurm = world.launcher == "srun"
    environment = SLURMEnvironment(auto_requeue=False) if slurm else TorchElasticEnvironment()
    options: dict[str, Any] = {"find_unused_parameters": find_unused_parameters}
    if config.sync_norm == "all":  # statistics are equal; else they become those of rank 0
        options[_BUFFERS] = False
    timeout = timedelta(seconds=config.timeout)
    strategy = DDPStrategy(cluster_environment=environment, timeout=timeout, **options)
    return {"devices": world.local_size, "num_nodes": world.nodes, "strategy": strategy}


def adapted(model: nn.Module, config: TrainingConfig, device: torch.device) -> nn.Module:
    """The network as several processes train it; call it in each of them.

    Weights take the order of the images' channels: the gradients that processes exchange would
    otherwise be copied from one order to the other at each step.
    """
    model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    world, scope = joined_world(), config.sync_norm
    if world.size == 1 or scope == "none" or (scope == "node" and world.local_size == 1):
        return model
    return synchronise(model, device.type, group_of(scope, world))


def share_statistics(model: nn.Module) -> None:
    """Give every process the buffers of the first one, whose weights are kept and scored."""
    if joined_world().size == 1:
        return
    for dtype in sorted({buffer.dtype for buffer in model.buffers()}, key=str):
        buffers = [buffer for buffer in model.buffers() if buffer.dtype == dtype]
        packed = torch.cat([buffer.flatten() for buffer in buffers])
        dist.broadcast(packed, src=0)
        parts = packed.split([buffer.numel() for buffer in buffers])
        for buffer, part in zip(buffers, parts, strict=True):
            buffer.copy_(part.view_as(buffer))


def mean_over_processes(values: torch.Tensor) -> torch.Tensor:
    """The mean of each value over all processes, in one all-reduce."""
    world = joined_world().size
    if world == 1:
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total / world


def in_any_process(flag: torch.Tensor) -> torch.Tensor:
    """Whether a flag, [], is set in any process, each of which must call it."""
    if joined_world().size == 1:
        return flag
    total = flag.to(torch.int32)
    dist.all_reduce(total)
    return total > 0
