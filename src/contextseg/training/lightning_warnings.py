"""Suppress Lightning's messages that do not apply here."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

IGNORED_WARNINGS = (
    ".*does not have many workers.*",
    ".*your dataloader is not resumable.*",
    ".*srun.*",
    ".*smaller than the logging interval.*",
    ".*LeafSpec.*",
    ".*sync_dist=True.*",  # scores are those of all processes already
)
"""Lightning's warnings that do not apply, by design."""


@contextlib.contextmanager
def suppress_warnings() -> Iterator[None]:
    """Suppress Lightning's messages about devices, workers and loaders."""
    lightning = logging.getLogger("lightning.pytorch")
    level = lightning.level
    lightning.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for pattern in IGNORED_WARNINGS:
                warnings.filterwarnings("ignore", pattern)
            yield
    finally:
        lightning.setLevel(level)
