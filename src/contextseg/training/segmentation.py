"""Segmentation as a training task."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from contextseg.config import TrainConfig
from contextseg.config.auto import settled
from contextseg.data import SHAPES, splits_of
from contextseg.data.check import check_dataset, warn_if_void
from contextseg.data.loading import TrainingLoader, TrainingSet, evaluation_loader
from contextseg.data.rasters.dataset import open_split
from contextseg.evaluation import Scores, read_scores
from contextseg.factory import create_model, with_prior_grid
from contextseg.inference.preprocess import padded
from contextseg.losses import SegmentationLoss
from contextseg.metrics import SegmentationMetrics
from contextseg.models.backbone import Backbone
from contextseg.models.pointwise_convolutions import hasten_pointwise
from contextseg.models.segmentation import SMALLEST_IMAGE, SegmentationModel
from contextseg.ops.upsampled_argmax import upsampled_argmax
from contextseg.training.class_weights import class_weights
from contextseg.training.compilation import compile_for
from contextseg.training.float32 import keep_float32
from contextseg.training.segmentation_pictures import SegmentationPictures
from contextseg.training.sizes import with_sizes
from contextseg.training.task import Task
from contextseg.training.validation import validation_images
from contextseg.training.world import adapted
from contextseg.weights import initialise, save_model

logger = logging.getLogger(__name__)

VALIDATION_BATCH = 4
"""Maximum number of images in a validation batch; all have the same size."""

EXAMPLE = 64
"""Rows and columns of the images that a network is tried with."""


class SegmentationTask(Task[TrainConfig, Scores]):
    """A `TrainConfig` with its data.

    Raises:
        FileNotFoundError: there is no data.
        ValueError: the data has faults, or options do not fit it.
    """

    columns = (
        "step", "epoch", "lr", "train/loss", "train/main", "train/se", "train/affinity",
        "train/aux", "train/aux_se", "train/images_per_s", "val/mean_iou", "val/pixel_accuracy",
        "val/presence_map",
    )  # fmt: skip

    def __init__(self, config: TrainConfig) -> None:
        data = config.data
        images = config.model.images
        self.train = open_split(data, data.train_split, images, seed=config.seed, random=True)
        self.val = validation_images(
            lambda split: open_split(data, split, images),
            data.val_split,
            lambda split: data.root == SHAPES or split in splits_of(data.root, data.layout),
        )
        self.classes = self.train.classes
        self.train_images = len(self.train)
        self.validates = self.val is not None
        self.accumulate = config.accumulate
        have, want = self.classes.num_classes, config.model.num_classes
        if want is not None and want != have:
            raise ValueError(
                f"model.num_classes is {want}, but {data.root} has {have} classes. Leave it out "
                f"to use the data's."
            )
        config = replace(config, model=replace(config.model, num_classes=have))
        config = with_sizes(config, self.train)
        model = with_prior_grid(config.model, config.augment.crop_size)
        self.config = replace(config, model=model)
        self.class_weights = self._checked()

    def _checked(self) -> Tensor | None:
        """Class weights [L] or None; raises if the data has faults."""
        config = self.config
        if not config.data.check:
            for part in (self.train, self.val):
                if part is not None:
                    warn_if_void(part)
            if config.loss.class_weights != "balanced":
                return None
        on_grid = getattr(self.train, "on_grid", None)  # all of large rasters
        report = check_dataset(self.train if on_grid is None else on_grid())
        report.raise_if_any()
        if self.val is not None and config.data.check:
            check_dataset(self.val).raise_if_any()
        return class_weights(config.loss, report.class_pixels)

    def build(self, fresh: bool) -> SegmentationModel:
        """The network; a new run initialises it from `init_from`."""
        config = self.config.model
        if fresh and not self.config.init_from:
            return create_model(config)
        # A file brings all weights of the backbone: timm need not fetch any.
        model = create_model(replace(config, pretrained=False))
        model.config = replace(model.config, pretrained=config.pretrained)
        if fresh:
            left = initialise(model, self.config.init_from, self.classes)
            logger.warning("init_from: re-initialised: %s", ", ".join(left) or "nothing")
        return model

    def loss(self, model: nn.Module) -> SegmentationLoss:
        """The weighted sum of the model's losses."""
        return SegmentationLoss.from_config(self.config.model, self.config.loss, self.class_weights)

    def metrics(self) -> SegmentationMetrics:
        """Confusion matrix and presence of classes."""
        return SegmentationMetrics(self.classes.num_classes)

    def adapt(self, model: nn.Module, trainer: pl.Trainer) -> nn.Module:
        """Synchronise batch norm over processes; keep in float32 what bfloat16 harms."""
        device = trainer.strategy.root_device
        model = adapted(model, self.config, device)
        if self.config.precision == "bf16":
            keep_float32(model, cast(Backbone, model.backbone), device.type)
        hasten_pointwise(model)
        compile_for(cast(Backbone, model.backbone), self.config, device.type)
        return model

    def train_loader(self, trainer: pl.Trainer, start: int) -> TrainingLoader:
        """Training crops: the share of this process."""
        config = self.config
        loader = TrainingLoader(
            TrainingSet(self.train, config.augment, config.model.normalisation.mean, config.seed),
            batch_size=settled(config.batch_size, "batch_size"),
            epochs=settled(config.epochs, "epochs"),
            seed=config.seed,
            workers=config.data.workers,
            rank=trainer.global_rank,
            world=trainer.world_size,
            pin_memory=trainer.strategy.root_device.type == "cuda",
        )
        loader.start(start)
        return loader

    def val_loader(self, trainer: pl.Trainer) -> Any:
        """Whole validation images: the share of this process."""
        assert self.val is not None
        return evaluation_loader(
            self.val,
            batch_size=VALIDATION_BATCH,
            workers=self.config.data.workers,
            rank=trainer.global_rank,
            world=trainer.world_size,
        )

    def draws(self, batch: int, rank: int) -> tuple[int, ...]:
        """Dropout depends on seed, batch and process."""
        return (self.config.seed, batch, rank)

    def losses(
        self, loss: nn.Module, model: nn.Module, images: Tensor, batch: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """All loss terms, and their sum as `loss`."""
        terms = loss(model(images, batch["labels"]), batch["labels"])
        total = terms.pop("total")
        return {"loss": total, **{name: term.detach() for name, term in terms.items()}}

    def example(self) -> dict[str, Tensor]:
        """Two images of 64 x 64 pixels that hold every class."""
        channels = self.config.model.images.count
        images = torch.zeros(2, channels, EXAMPLE, EXAMPLE, dtype=torch.uint8)
        labels = torch.arange(2 * EXAMPLE**2).view(2, EXAMPLE, EXAMPLE)
        return {"image": images, "labels": (labels % self.classes.num_classes).to(torch.uint8)}

    def count(self, module: Any, batch: dict[str, Tensor]) -> Tensor:
        """Label maps of padded images, without the padding: [B, h, w], uint8."""
        model: SegmentationModel = module.model
        images = padded(batch["image"], SMALLEST_IMAGE, model.multiple, model.config)
        output = model(module.normalise(images))
        labels = upsampled_argmax(
            output.coarse_logits, output.size, align_corners=output.align_corners
        )
        height, width = batch["labels"].shape[1:]
        labels = labels[:, :height, :width]
        module.metrics.update(labels, batch["labels"], output.presence_logits)
        return labels

    def pictures(self, folder: Path) -> SegmentationPictures:
        """Batches with their labels, and the best and the worst validation images."""
        names = None if self.val is None else self.val.names
        return SegmentationPictures(folder, self.classes, self.train.names, names)

    def row(self, scores: Scores) -> dict[str, float]:
        """Mean IoU, pixel accuracy, and mean average precision of presence."""
        row = {"mean_iou": scores.mean_iou, "pixel_accuracy": scores.pixel_accuracy}
        if scores.presence_map is not None:
            row["presence_map"] = scores.presence_map
        return row

    def merit(self, scores: Scores) -> float:
        """Mean IoU."""
        return scores.mean_iou

    def save(self, path: Path, model: nn.Module) -> None:
        """As `contextseg.weights.save_model`."""
        save_model(path, cast(SegmentationModel, model), self.classes)

    @staticmethod
    def read_scores(path: Path) -> Scores:
        """As `contextseg.evaluation.read_scores`."""
        return read_scores(path)
