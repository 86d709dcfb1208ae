"""Image classification as a training task."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from contextseg.config.classification import ClassifierConfig, ClassifierTrainConfig
from contextseg.data.classification.array import LabelledArray
from contextseg.data.classification.datasets import open_labelled
from contextseg.data.classification.device_loader import MemoryBatches, MemoryLoader
from contextseg.data.classification.loading import (
    LabelledTrainingSet,
    labelled_evaluation_loader,
    labelled_training_loader,
)
from contextseg.evaluation import read_class_scores
from contextseg.metrics.classification import ClassificationMetrics, ClassificationScores
from contextseg.models.classifiers import Classifier, build_classifier
from contextseg.models.pointwise_convolutions import hasten_pointwise
from contextseg.training.classifier_pictures import ClassifierPictures
from contextseg.training.compilation import compile_for
from contextseg.training.task import Task
from contextseg.training.validation import validation_images
from contextseg.training.world import adapted
from contextseg.weights.classifiers import save_classifier
from contextseg.weights.fitting import undrawn


class ClassificationTask(Task[ClassifierTrainConfig, ClassificationScores]):
    """A `ClassifierTrainConfig` with its data.

    Raises:
        ValueError: there is no data, or options do not fit it.
    """

    columns = (
        "step", "epoch", "lr", "train/loss", "train/images_per_s", "val/error", "val/error_exact",
    )  # fmt: skip

    def __init__(self, config: ClassifierTrainConfig) -> None:
        data = config.data
        self.train = open_labelled(data.root, data.train_split)
        self.val = validation_images(
            lambda split: open_labelled(data.root, split),
            data.val_split,
            lambda split: (Path(data.root) / split).is_dir(),
        )
        self.classes = self.train.classes
        self.train_images = len(self.train)
        self.validates = self.val is not None
        self.keeps_best = config.keep == "best"
        self.config = self._resolved(config)
        is_original = getattr(self.val, "exact", None)
        self._is_original = None if is_original is None else torch.from_numpy(is_original)

    def _resolved(self, config: ClassifierTrainConfig) -> ClassifierTrainConfig:
        """`config` with the data's number of classes; raises if it states another one."""
        train, root = self.train, config.data.root
        have, want = train.classes.num_classes, config.model.num_classes
        if want is not None and want != have:
            raise ValueError(
                f"model.num_classes is {want}, but {root} has {have} classes. Leave it out to "
                f"use the data's."
            )
        if self.val is not None and self.val.classes.names != train.classes.names:
            raise ValueError(
                f"{root}: the splits {config.data.train_split} and {config.data.val_split} have "
                f"different classes."
            )
        size = config.model.size
        if isinstance(train, LabelledArray) and train.images.shape[1:3] != (size, size):
            rows, columns = train.images.shape[1:3]
            raise ValueError(f"model.size is {size}, but the images of {root} are {rows} x "
                             f"{columns}.")  # fmt: skip
        return replace(config, model=replace(config.model, num_classes=have))

    def build(self, fresh: bool) -> Classifier:
        """The network."""
        config = self.config.model
        if fresh:
            return build_classifier(config)
        # A checkpoint brings all weights: timm need not fetch any.
        model = build_classifier(cast(ClassifierConfig, undrawn(config)))
        model.config = replace(model.config, network=config.network)
        return model

    def loss(self, model: nn.Module) -> nn.Module:
        """Cross-entropy with smoothed labels."""
        return nn.CrossEntropyLoss(label_smoothing=self.config.label_smoothing)

    def metrics(self) -> ClassificationMetrics:
        """Confusion matrix."""
        return ClassificationMetrics(self.classes.num_classes)

    def adapt(self, model: nn.Module, trainer: pl.Trainer) -> nn.Module:
        """Use the memory format of the images, synchronise batch norm, and compile."""
        device = trainer.strategy.root_device
        model = adapted(model, self.config, device)
        hasten_pointwise(model)
        compile_for(model, self.config, device.type)
        return model

    def train_loader(self, trainer: pl.Trainer, start: int) -> Any:
        """Batches of images in memory, or of image files: the share of this process."""
        config, rank, world = self.config, trainer.global_rank, trainer.world_size
        if isinstance(self.train, LabelledArray):
            loader = MemoryLoader(
                self.train,
                trainer.strategy.root_device,
                batch_size=config.batch_size,
                epochs=config.epochs,
                seed=config.seed,
                padding=config.augment.padding,
                flip=config.augment.flip,
                rank=rank,
                world=world,
            )
            loader.start(start)
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
            start=start,
            rank=rank,
            world=world,
        )

    def val_loader(self, trainer: pl.Trainer) -> Any:
        """The same, without augmentation."""
        assert self.val is not None
        rank, world = trainer.global_rank, trainer.world_size
        if isinstance(self.val, LabelledArray):
            device = trainer.strategy.root_device
            return MemoryBatches(self.val, device, rank=rank, world=world)
        size, workers = self.config.model.size, self.config.data.workers
        return labelled_evaluation_loader(self.val, size, workers=workers, rank=rank, world=world)

    def draws(self, batch: int, rank: int) -> tuple[int, ...]:
        """The network's random numbers depend on seed, batch and process."""
        return (self.config.seed, batch, rank) if rank else (self.config.seed, batch)

    def losses(
        self, loss: nn.Module, model: nn.Module, images: Tensor, batch: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Cross-entropy, in float32."""
        return {"loss": loss(model(images).float(), batch["labels"])}

    def example(self) -> dict[str, Tensor]:
        """Two images of the network's size."""
        size = self.config.model.size
        images = torch.zeros(2, 3, size, size, dtype=torch.uint8)
        return {"image": images, "labels": torch.arange(2) % self.classes.num_classes}

    def count(self, module: Any, batch: dict[str, Tensor]) -> Tensor:
        """Add the predictions for a batch to the metrics: [B], int64."""
        index = batch["index"]
        original = None
        if self._is_original is not None:
            original = self._is_original.to(index.device)[index]
        logits = module.model(module.normalise(batch["image"]))
        module.metrics.update(logits, batch["labels"], original)
        return logits.argmax(1)

    def pictures(self, folder: Path) -> ClassifierPictures:
        """Batches with the names of their classes."""
        return ClassifierPictures(folder, self.classes)

    def row(self, scores: ClassificationScores) -> dict[str, float]:
        """Error over all images, and over those with their original pixels."""
        row = {"error": scores.error}
        if scores.error_exact is not None:
            row["error_exact"] = scores.error_exact
        return row

    def merit(self, scores: ClassificationScores) -> float:
        """The negative error."""
        return -scores.error

    def save(self, path: Path, model: nn.Module) -> None:
        """As `contextseg.weights.classifiers.save_classifier`."""
        save_classifier(path, cast(Classifier, model), self.classes)

    @staticmethod
    def read_scores(path: Path) -> ClassificationScores:
        """As `contextseg.evaluation.read_class_scores`."""
        return read_class_scores(path)
