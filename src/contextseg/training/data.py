"""The loaders of a run, each process its share."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl

from contextseg.config import TrainConfig
from contextseg.data.loading import TrainingLoader, TrainingSet, evaluation_loader


class RunData(pl.LightningDataModule):
    """All batches of the whole training as one stream, and the validation images.

    Args:
        config: the run's config, resolved.
        train: dataset to train on.
        val: dataset to validate on, or None.
    """

    def __init__(self, config: TrainConfig, train: Any, val: Any | None) -> None:
        super().__init__()
        self.config = config
        self.train = train
        self.val = val
        self.batches_done = 0

    def train_dataloader(self) -> TrainingLoader:
        """The batches that are left, `len` counting all."""
        assert self.trainer is not None
        config = self.config
        loader = TrainingLoader(
            TrainingSet(
                self.train, config.augment, mean=config.model.normalisation.mean, seed=config.seed
            ),
            batch_size=config.batch_size,
            epochs=config.epochs,
            seed=config.seed,
            workers=config.data.workers,
            rank=self.trainer.global_rank,
            world=self.trainer.world_size,
            pin_memory=self.trainer.strategy.root_device.type == "cuda",
        )
        loader.start(self.batches_done)
        return loader

    def val_dataloader(self) -> Any:
        """Each image once, over all processes."""
        assert self.trainer is not None
        if self.val is None:
            return []
        return evaluation_loader(
            self.val,
            batch_size=4,
            workers=self.config.data.workers,
            rank=self.trainer.global_rank,
            world=self.trainer.world_size,
        )

    def state_dict(self) -> dict[str, int]:
        """How many batches this training has used."""
        assert self.trainer is not None
        return {"batches_done": self.trainer.fit_loop.epoch_loop.batch_idx + 1}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go on behind the batches that a checkpoint has seen."""
        self.batches_done = state_dict["batches_done"]
