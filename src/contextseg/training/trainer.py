"""What trainings have in common: Lightning's options, its warnings, who watches."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from contextseg.training.callbacks.monitor import Progress

UNCONCERNING = (
    ".*does not have many workers.*",
    ".*your dataloader is not resumable.*",
    ".*srun.*",
    ".*smaller than the logging interval.*",
    ".*LeafSpec.*",
)
"""Lightning's warnings about what is so on purpose here."""


def trainer_options(device: str, devices: int, precision: str) -> dict[str, Any]:
    """Trainer options: device, processes, precision."""
    cuda = torch.cuda.is_available() if device == "auto" else device == "cuda"
    if cuda and torch.cuda.device_count() < devices:
        raise ValueError(
            f"devices is {devices}, but this machine has {torch.cuda.device_count()} GPUs."
        )
    return {
        "accelerator": "cuda" if cuda else "cpu",
        "devices": devices,
        # Spawned processes call no script again: `train` works from any program and notebook.
        "strategy": "ddp_spawn" if devices > 1 else "auto",
        "precision": "bf16-mixed" if precision == "bf16" else "32-true",
    }


def both(
    first: Callable[[Progress], None], second: Callable[[Progress], None] | None
) -> Callable[[Progress], None]:
    """One call for two watchers, which spawned processes take if they take both."""
    return first if second is None else partial(_call, (first, second))


def _call(watchers: tuple[Callable[[Progress], None], ...], progress: Progress) -> None:
    for watch in watchers:
        watch(progress)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without Lightning's lines about devices, workers and loaders that do not concern this run."""
    lightning = logging.getLogger("lightning.pytorch")
    level = lightning.level
    lightning.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for pattern in UNCONCERNING:
                warnings.filterwarnings("ignore", pattern)
            yield
    finally:
        lightning.setLevel(level)
