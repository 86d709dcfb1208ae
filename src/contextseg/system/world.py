"""The processes that work on the same task, as their launcher describes them to each.

torchrun and compatible launchers set `RANK`, `WORLD_SIZE` and `MASTER_ADDR`, SLURM's srun sets
`SLURM_PROCID` and others. Both are read here, so that everything that writes, prints or shares out
work asks one place.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ALONE = "CONTEXTSEG_ALONE"
"""Environment variable: 1 makes each process of a launcher do work of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """This process and those that it works with."""

    rank: int = 0
    """Number of this process, 0 to size - 1."""
    size: int = 1
    """Number of processes."""
    local_rank: int = 0
    """Number of this process on its machine."""
    local_size: int = 1
    """Number of processes on each machine."""
    node: int = 0
    """Number of this machine."""
    launcher: Literal["", "torchrun", "srun"] = ""
    """What started the processes; empty if this one works alone."""

    @property
    def is_first(self) -> bool:
        """Whether this process checks, writes and prints for all."""
        return self.rank == 0

    @property
    def nodes(self) -> int:
        """Number of machines."""
        return self.size // self.local_size


def world_of(environment: Mapping[str, str] = os.environ) -> World:
    """The world that the environment variables describe.

    torchrun comes first, since it may itself run under SLURM. Of SLURM, only a step counts that
    srun started: the batch script sees the number of tasks too, but is a single process.

    Raises:
        ValueError: the variables contradict each other.
    """
    if environment.get(ALONE, "0") not in ("", "0"):
        return World()
    if {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= environment.keys():
        return _checked(_torchrun(environment))
    if {"SLURM_PROCID", "SLURM_STEP_ID"} <= environment.keys():
        return _checked(_srun(environment))
    return World()


def _torchrun(environment: Mapping[str, str]) -> World:
    size = _number(environment, "WORLD_SIZE")
    # Kubeflow and others start one process a machine and say nothing of local ranks.
    local_size = _number(environment, "LOCAL_WORLD_SIZE", 1 if size > 1 else size)
    rank = _number(environment, "RANK")
    return World(
        rank=rank,
        size=size,
        local_rank=_number(environment, "LOCAL_RANK", 0),
        local_size=local_size,
        node=_number(environment, "GROUP_RANK", rank // max(1, local_size)),
        launcher="torchrun",
    )


def _srun(environment: Mapping[str, str]) -> World:
    size = _number(environment, "SLURM_STEP_NUM_TASKS", _number(environment, "SLURM_NTASKS", 1))
    nodes = _number(environment, "SLURM_STEP_NUM_NODES", _number(environment, "SLURM_NNODES", 1))
    if nodes < 1 or size % nodes:
        raise ValueError(
            f"SLURM started {size} tasks on {nodes} machines: each must have as many as the "
            f"others. Use srun --ntasks-per-node."
        )
    return World(
        rank=_number(environment, "SLURM_PROCID"),
        size=size,
        local_rank=_number(environment, "SLURM_LOCALID", 0),
        local_size=size // nodes,
        node=_number(environment, "SLURM_NODEID", 0),
        launcher="srun",
    )


def _checked(world: World) -> World:
    fits = 0 <= world.rank < world.size and 0 <= world.local_rank < world.local_size
    if not fits or world.size % world.local_size:
        raise ValueError(
            f"the launcher's variables contradict each other: process {world.rank} of "
            f"{world.size}, process {world.local_rank} of {world.local_size} on its machine. Each "
            f"machine must run as many processes as the others."
        )
    return world if world.size > 1 else World()


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name)
    if text is None and default is not None:
        return default
    try:
        return int(text or "")
    except ValueError:
        raise ValueError(
            f"the environment variable {name} must be a number, got {text!r}."
        ) from None
