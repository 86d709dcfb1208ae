"""Options of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from contextseg.inference.views.plan import check_options
from contextseg.system.precision import Requested

Engine = Literal["local", "ranks", "ray"]
ENGINES: tuple[Engine, ...] = ("local", "ranks", "ray")
"""What runs the shards: processes on this machine, those of a launcher, or Ray."""
SHARD_SIZE = 1000
"""Images of an archive."""


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """How a list of images is segmented."""

    scales: Sequence[float] = (1.0,)
    """As in `Predictor`."""
    flip: bool = False
    """As in `Predictor`."""
    window: int | None = None
    """As in `Predictor`."""
    device: str = "auto"
    """As in `load`; `cuda` shares the workers out among the GPUs."""
    precision: Requested = "32"
    """As in `load`."""
    trust: bool = False
    """As in `load`."""
    shard_size: int = SHARD_SIZE
    """Images of an archive."""
    engine: Engine | None = None
    """What runs the shards; None takes `ranks` under torchrun or srun, else `local`."""
    workers: int | None = None
    """Processes of `local` and `ray`; None takes one for each GPU, or for four cores."""
    overwrite: bool = False
    """Replace archives of another model or other options."""
    retry_failed: bool = False
    """Make archives again in which images failed."""

    def __post_init__(self) -> None:
        check_options(self.scales, self.window)
        if self.shard_size < 1:
            raise ValueError(f"shard_size must be at least 1, got {self.shard_size}.")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers must be at least 1, got {self.workers}.")
        if self.engine not in (None, *ENGINES):
            raise ValueError(f"engine must be local, ranks or ray, got {self.engine!r}.")
