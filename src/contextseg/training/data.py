"""The data loaders of a run; each process gets its share."""

from __future__ import annotations

from typing import Any, cast

import lightning.pytorch as pl
from torch.utils.data import DataLoader

from contextseg.training.task import Task


class RunData(pl.LightningDataModule):
    """All training batches of the run as one stream, and the validation images."""

    def __init__(self, task: Task[Any, Any]) -> None:
        super().__init__()
        self.task = task
        self.batches_done = 0

    def train_dataloader(self) -> Any:
        """The remaining batches; `len` counts all."""
        assert self.trainer is not None
        return self.task.train_loader(self.trainer, self.batches_done)

    def val_dataloader(self) -> Any:
        """Each image once, over all processes.

        Where there are fewer images than processes, one without a share gets an empty batch.
        Lightning would leave it out of the validation, and the others would wait for it.
        """
        assert self.trainer is not None
        if not self.task.validates:
            return []
        loader = self.task.val_loader(self.trainer)
        return loader if len(loader) else DataLoader(cast(Any, [{}]), batch_size=None)

    def state_dict(self) -> dict[str, int]:
        """How many batches this run has used."""
        assert self.trainer is not None
        return {"batches_done": self.trainer.fit_loop.epoch_loop.batch_idx + 1}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Resume after the batches that a checkpoint has seen."""
        self.batches_done = state_dict["batches_done"]
