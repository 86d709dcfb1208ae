"""A network in training, wired to Lightning."""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from contextseg.data.normalise import PixelStatistics, normalise, pixel_statistics
from contextseg.training.optim import build_optimiser, schedule
from contextseg.training.task import Task


class NonFiniteLossError(ValueError):
    """The loss is infinite or not a number: training has diverged."""


class TrainingModule(pl.LightningModule):
    """What happens in a step, whatever the task.

    Args:
        task: the training's task, with its config and data.
        model: the network.
        steps: steps of the optimiser in the whole training.
    """

    def __init__(self, task: Task[Any, Any], model: nn.Module, steps: int) -> None:
        super().__init__()
        self.task = task
        self.config = task.config
        self.model = model
        self.steps = steps
        self.loss = task.loss(model)
        self.metrics = task.metrics()
        self.scores: Any = None
        """Of the latest validation."""
        statistics = pixel_statistics(self.config.model.normalisation)
        self.register_buffer("pixel_mean", statistics.mean, persistent=False)
        self.register_buffer("pixel_std", statistics.std, persistent=False)
        if self.config.freeze_backbone:
            model.backbone.requires_grad_(False)

    metrics: Any
    pixel_mean: Tensor
    pixel_std: Tensor

    def setup(self, stage: str) -> None:
        """Adapt the network to the processes and the device that it trains on."""
        self.model = self.task.adapt(self.model, self.trainer)

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
            backbone: Any = self.model.backbone
            backbone.eval()

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Losses of a batch."""
        # Random numbers are a function of the place in the training alone, so that a resumed run
        # draws the same ones as a run that was never stopped.
        torch.manual_seed(hash(self.task.draws(batch_idx, self.global_rank)) % 2**63)
        return self.task.losses(self.loss, self.model, self.normalise(batch["image"]), batch)

    def check(self, losses: dict[str, float], batch: int) -> None:
        """Raise if mean losses up to a batch show that training has diverged."""
        if not math.isfinite(losses["loss"]):
            terms = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
            raise NonFiniteLossError(
                f"the loss is not finite at step {self.global_step} (epoch "
                f"{self.epoch(batch):.2f}): {terms}. The last checkpoint was written before it. "
                f"Lower optim.lr, set gradient_clip, or add optim.warmup_steps."
            )

    def on_validation_epoch_start(self) -> None:
        """Start from zero."""
        self.metrics.reset()

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count a batch into the scores."""
        self.task.count(self, batch)

    def on_validation_epoch_end(self) -> None:
        """Scores over all processes."""
        self.scores = self.metrics.compute()

    def score_row(self) -> dict[str, float]:
        """What the log says of the latest validation."""
        return {} if self.scores is None else self.task.row(self.scores)

    def epoch(self, batch: int) -> float:
        """Passes over the data after this many batches."""
        return batch / int(self.trainer.num_training_batches) * self.config.epochs
