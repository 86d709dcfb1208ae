"""Sums of a run's losses since the last row of its log, without waiting for a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from contextseg.training.world import mean_over_processes

LOSS = "loss"
"""The term that decides whether a batch was finite: the weighted sum of the others."""


class LossSums:
    """Adds up the terms of each batch on the device of the training.

    Whether a batch is finite is noted there too, so that it can be named later: reading a number at
    each step would make the CPU wait for the GPU.
    """

    def __init__(self) -> None:
        self.count = 0
        """Batches added."""
        self._names: tuple[str, ...] = ()
        self._sums: Tensor | None = None
        self._finite: Tensor | None = None
        """Batches before the first one whose loss is not finite."""

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Add the terms of a batch, each [], by name; all batches have the same names."""
        self._names = self._names or tuple(losses)
        values = torch.stack([losses[name].detach().float() for name in self._names])
        self._sums = values if self._sums is None else self._sums.to(values.device) + values
        if self._finite is None:
            self._finite = torch.full((), self.count, dtype=torch.int64, device=values.device)
        all_so_far = self._finite == self.count
        self._finite += all_so_far & losses[LOSS].detach().isfinite()
        self.count += 1

    def share(self) -> None:
        """Make the sums the mean over all processes, each of which must call it, in one message."""
        if self._sums is not None:
            self._sums = mean_over_processes(self._sums)

    def means(self) -> dict[str, float]:
        """Means over the batches; waits for the GPU, once."""
        if self._sums is None:
            return {}
        return dict(zip(self._names, (self._sums / self.count).tolist(), strict=True))

    def finite_batches(self) -> int:
        """Batches before the first one that was not finite in any process.

        Each process must call it; after `share`, all know together whether one was not.
        """
        if self._finite is None:
            return self.count
        least = self._finite.clone()
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(least, dist.ReduceOp.MIN)
        return int(least)

    def clear(self) -> None:
        """Begin again, after a row of the log."""
        self.count, self._sums, self._finite = 0, None, None

    def state_dict(self) -> dict[str, Any]:
        """Sums and count. Checkpoints are written only after a check: all batches are finite."""
        values = () if self._sums is None else self._sums.cpu().unbind()
        names = self._names if len(values) else ()
        return {"sums": dict(zip(names, values, strict=True)), "count": self.count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        sums: dict[str, Tensor] = state["sums"]
        self.clear()
        self.count = state["count"]
        self._names = tuple(sums)
        self._sums = torch.stack(list(sums.values())) if sums else None
