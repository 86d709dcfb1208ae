"""Processes that work together, as a launcher would start them, without a launcher's imports."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any

from tests.processes import SECONDS, Command


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def torchrun(rank: int, world: int, port: int, per_node: int | None = None) -> dict[str, str]:
    """The variables that torchrun sets."""
    per_node = per_node or world
    return {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(world),
        "RANK": str(rank), "LOCAL_RANK": str(rank % per_node), "LOCAL_WORLD_SIZE": str(per_node),
        "GROUP_RANK": str(rank // per_node),
    }  # fmt: skip


def srun(rank: int, world: int, port: int) -> dict[str, str]:
    """The variables that srun sets; a single machine."""
    return {
        "SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_PROCID": str(rank),
        "SLURM_LOCALID": str(rank), "SLURM_NODEID": "0", "SLURM_NTASKS": str(world),
        "SLURM_NTASKS_PER_NODE": str(world), "SLURM_NNODES": "1", "SLURM_STEP_NUM_NODES": "1",
        "SLURM_STEP_NUM_TASKS": str(world), "SLURM_NODELIST": "127.0.0.1",
        "SLURM_JOB_NAME": "test", "MASTER_PORT": str(port),
    }  # fmt: skip


def started(
    work: Callable[..., None],
    *arguments: Any,
    world: int = 2,
    launcher: Any = torchrun,
    **kinds: Any,
) -> list[Command]:
    """Start `work(*arguments)` in each process of a world."""
    port = free_port()
    places = [launcher(rank, world, port, **kinds) for rank in range(world)]
    return [Command(_placed, place, work, arguments) for place in places]


def _placed(place: dict[str, str], work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    os.environ |= place
    work(*arguments)


def ended(processes: list[Command]) -> list[str]:
    """Wait for all to end; what each said."""
    deadline = time.monotonic() + SECONDS
    try:
        for process in processes:
            process.process.join(max(0.0, deadline - time.monotonic()))
        assert all(each.returncode is not None for each in processes), "a process hangs"
        return [each.rest() for each in processes]
    finally:
        for process in processes:
            process.process.kill()
