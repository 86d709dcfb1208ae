"""The loaders of a classifier's run."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl

from contextseg.config.classification import ClassifierTrainConfig
from contextseg.data.classification.array import LabelledArray
from contextseg.data.classification.device_loader import MemoryBatches, MemoryLoader
from contextseg.data.classification.folder import LabelledFolder
from contextseg.data.classification.loading import (
    LabelledTrainingSet,
    labelled_evaluation_loader,
    labelled_training_loader,
)


class ClassifierData(pl.LightningDataModule):
    """All batches of the whole training as one stream, and the images to score.

    Args:
        config: the run's config, resolved.
        train: images to train on.
        val: images to score, or None.
    """

    def __init__(
        self,
        config: ClassifierTrainConfig,
        train: LabelledArray | LabelledFolder,
        val: LabelledArray | LabelledFolder | None,
    ) -> None:
        super().__init__()
        self.config = config
        self.train = train
        self.val = val
        self.batches_done = 0

    def train_dataloader(self) -> Any:
        """The batches that are left, `len` counting all."""
        assert self.trainer is not None
        config = self.config
        if isinstance(self.train, LabelledArray):
            loader = MemoryLoader(
                self.train,
                self.trainer.strategy.root_device,
                batch_size=config.batch_size,
                epochs=config.epochs,
                seed=config.seed,
                padding=config.augment.padding,
                flip=config.augment.flip,
            )
            loader.start(self.batches_done)
            return loader
        images = LabelledTrainingSet(
            self.train,
            config.augment,
            config.model.size,
            config.model.normalisation.mean,
            config.seed,
        )
        return labelled_training_loader(
            images,
            batch_size=config.batch_size,
            epochs=config.epochs,
            seed=config.seed,
            workers=config.data.workers,
            start=self.batches_done,
        )

    def val_dataloader(self) -> Any:
        """Each image once."""
        assert self.trainer is not None
        if self.val is None:
            return []
        if isinstance(self.val, LabelledArray):
            return MemoryBatches(self.val, self.trainer.strategy.root_device)
        return labelled_evaluation_loader(
            self.val, self.config.model.size, workers=self.config.data.workers
        )

    def state_dict(self) -> dict[str, int]:
        """How many batches this training has used."""
        assert self.trainer is not None
        return {"batches_done": self.trainer.fit_loop.epoch_loop.batch_idx + 1}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go on behind the batches that a checkpoint has seen."""
        self.batches_done = state_dict["batches_done"]
