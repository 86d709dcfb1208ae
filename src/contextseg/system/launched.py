"""How many processes a launcher has started for one run, as torchrun and srun tell them."""

from __future__ import annotations

import os

_VARIABLES = ("WORLD_SIZE", "SLURM_NTASKS")


def launched_processes() -> int:
    """The number of processes that work on the same run, at least 1."""
    numbers = (os.environ.get(name, "") for name in _VARIABLES)
    return max([1, *(int(number) for number in numbers if number.isdecimal())])
