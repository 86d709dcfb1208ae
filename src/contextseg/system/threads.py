"""Limit threads to the cores that this process may use."""

from __future__ import annotations

import os

from contextseg.system.resources import usable_cores

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables with which users set PyTorch's number of threads."""


def limit_threads(processes: int = 1) -> None:
    """Lower PyTorch's number of threads to the cores that this process may use.

    PyTorch counts the cores that a container shows, not those that it grants: with 64 threads on 2
    cores, each step waits for threads that take turns. If the user has set one of `VARIABLES`,
    nothing changes. The number is never raised.

    Args:
        processes: processes that will share the cores; if more than one, processes started later
            inherit the limit.
    """
    import torch

    if any(os.environ.get(name) for name in VARIABLES):
        return
    threads = max(1, usable_cores() // processes)
    if torch.get_num_threads() <= threads:
        return
    torch.set_num_threads(threads)
    if processes > 1:
        os.environ[VARIABLES[0]] = str(threads)
