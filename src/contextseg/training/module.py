"""The network and its losses, wired to Lightning."""

from __future__ import annotations

from typing import Any, cast

import lightning.pytorch as pl
import torch
from torch import Tensor

from contextseg.config import TrainConfig
from contextseg.data.normalise import PixelStatistics, normalise
from contextseg.inference.preprocess import padded
from contextseg.losses import SegmentationLoss
from contextseg.metrics import Scores, SegmentationMetrics
from contextseg.models.backbone import Backbone
from contextseg.models.segmentation import SMALLEST_IMAGE, SegmentationModel
from contextseg.ops.upsampled_argmax import upsampled_argmax
from contextseg.training.float32 import keep_float32
from contextseg.training.optim import build_optimiser, schedule
from contextseg.training.sync_batchnorm import synchronise


class NonFiniteLossError(ValueError):
    """The loss is infinite or not a number: training has diverged."""


class TrainingModule(pl.LightningModule):
    """What happens in a step.

    Args:
        config: the run's config, resolved.
        model: the network.
        steps: steps of the optimiser in the whole training.
        class_weights: [L] or None, for the cross-entropy.
    """

    def __init__(
        self,
        config: TrainConfig,
        model: SegmentationModel,
        steps: int,
        class_weights: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.model = model
        self.steps = steps
        self.loss = SegmentationLoss(model.config, config.loss, class_weights)
        self.metrics = SegmentationMetrics(model.num_classes)
        self.scores: Scores | None = None
        """Of the latest validation."""
        for name in ("mean", "std"):
            values = torch.tensor(getattr(model.config, name)).view(1, 3, 1, 1)
            self.register_buffer(f"pixel_{name}", values * 255, persistent=False)
        if config.freeze_backbone:
            model.backbone.requires_grad_(False)

    pixel_mean: Tensor
    pixel_std: Tensor

    def setup(self, stage: str) -> None:
        """Adapt the network to the processes and the device that it trains on."""
        device = self.trainer.strategy.root_device.type
        if self.trainer.world_size > 1:
            self.model = cast(SegmentationModel, synchronise(self.model, device))
        if self.config.precision == "bf16":
            keep_float32(self.model, cast(Backbone, self.model.backbone), device)

    def configure_optimizers(self) -> Any:
        """The optimiser and its schedule, a step of it after each step of the optimiser."""
        optimiser = build_optimiser(self.model, self.config.optim)
        scheduler = schedule(optimiser, self.config.optim, self.steps)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def normalise(self, image: Tensor) -> Tensor:
        """Images [B, 3, h, w], uint8, as the network expects them."""
        normal = normalise(image, PixelStatistics(self.pixel_mean, self.pixel_std))
        return normal.contiguous(memory_format=torch.channels_last)

    def on_train_start(self) -> None:
        """A frozen backbone keeps its statistics too."""
        if self.config.freeze_backbone:
            self.model.backbone.eval()

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Losses of a batch."""
        # Dropout is a function of (seed, batch, process) alone, so that a resumed run draws the
        # same numbers as one that was never stopped.
        torch.manual_seed(hash((self.config.seed, batch_idx, self.global_rank)) % 2**63)
        output = self.model(self.normalise(batch["image"]), batch["labels"])
        losses = self.loss(output, batch["labels"])
        total = losses["total"]
        if not bool(torch.isfinite(total)):
            terms = ", ".join(f"{k} {v.item():.4g}" for k, v in losses.items())
            raise NonFiniteLossError(
                f"the loss is not finite at step {self.global_step} (epoch "
                f"{self.epoch(batch_idx):.2f}): {terms}. The last checkpoint was written before "
                f"it. Lower optim.lr, set gradient_clip, or add optim.warmup_steps."
            )
        return {"loss": total, **{k: v.detach() for k, v in losses.items() if k != "total"}}

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count a batch into the scores."""
        images = padded(batch["image"], SMALLEST_IMAGE, self.model.multiple, self.model.config)
        output = self.model(self.normalise(images))
        prediction = upsampled_argmax(
            output.coarse_logits, output.size, align_corners=output.align_corners
        )
        height, width = batch["labels"].shape[1:]
        prediction = prediction[:, :height, :width]
        self.metrics.update(prediction, batch["labels"], output.presence_logits)

    def on_validation_epoch_start(self) -> None:
        """Count anew."""
        self.metrics.reset()

    def on_validation_epoch_end(self) -> None:
        """Scores over all processes."""
        self.scores = self.metrics.compute()

    def score_row(self) -> dict[str, float]:
        """What the log says of the latest validation."""
        scores = self.scores
        if scores is None:
            return {}
        row = {"mean_iou": scores.mean_iou, "pixel_accuracy": scores.pixel_accuracy}
        if scores.presence_map is not None:
            row["presence_map"] = scores.presence_map
        return row

    def epoch(self, batch_idx: int) -> float:
        """Passes over the data after this many batches."""
        total = int(self.trainer.num_training_batches)
        return batch_idx / total * self.config.epochs
