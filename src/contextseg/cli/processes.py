"""What a command does as one of several processes of torchrun or SLURM."""

from __future__ import annotations

import sys

from contextseg.system.first_process import TOLD_BY_FIRST
from contextseg.system.world import ALONE, world_of

SHARED = ("train", "evaluate", "batch")
"""Commands that several processes work on together."""


def refuse_processes(command: str) -> None:
    """Raise if several processes were started for a command that is the work of one.

    Each would do all of the work, and write to the same files.
    """
    world = world_of()
    if world.size > 1 and command not in SHARED:
        raise ValueError(
            f"{world.launcher} started {world.size} processes, but this command is the work of "
            f"one. Start it without {world.launcher}, or, if each process has work of its own, "
            f"with {ALONE}=1 in the environment."
        )


def speaks(error: BaseException) -> bool:
    """Whether this process reports an error: each one its own, the first what all of them raise."""
    try:
        if world_of().is_first:
            return True
    except ValueError:  # which the error itself may be about
        return True
    group = sys.modules.get("contextseg.system.process_group")
    if group is None or not group.has_joined():  # before they join, all do the same
        return False
    notes = getattr(error, "__notes__", ())
    return not isinstance(error, KeyboardInterrupt) and TOLD_BY_FIRST not in notes
