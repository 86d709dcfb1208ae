"""A network in training, as a Lightning module."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from contextseg.config.io import to_dict
from contextseg.data.normalise import PixelStatistics, normalise, pixel_statistics
from contextseg.models.checkpointing import checkpoint_gradients, track_once
from contextseg.training.checkpoint_file import CONFIG_KEY
from contextseg.training.optim import build_optimiser, schedule
from contextseg.training.task import Task
from contextseg.training.world import in_any_process, share_statistics

ADVICE = (
    "The last checkpoint was written before it. Lower optim.lr, set gradient_clip, or add "
    "optim.warmup_steps."
)
STATISTICS = ("running_mean", "running_var")


class NonFiniteLossError(ValueError):
    """The loss, or a weight, is infinite or not a number: training has diverged."""


class TrainingModule(pl.LightningModule):
    """A training step, whatever the task.

    Args:
        task: the task, with its config and data.
        model: the network.
        steps: optimiser steps of the whole run.
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
        """Scores of the latest validation."""
        self.drew_all = True
        """Whether all pictures of this session have been drawn so far."""
        statistics = pixel_statistics(self.config.model.normalisation)
        self.register_buffer("pixel_mean", statistics.mean, persistent=False)
        self.register_buffer("pixel_std", statistics.std, persistent=False)
        if self.config.freeze_backbone:
            model.backbone.requires_grad_(False)
        if self.config.gradient_checkpointing:
            checkpoint_gradients(model)

    metrics: Any
    pixel_mean: Tensor
    pixel_std: Tensor

    def setup(self, stage: str) -> None:
        """Prepare the network for the processes and the device that it trains on."""
        self.model = self.task.adapt(self.model, self.trainer)
        if self.config.gradient_checkpointing:
            track_once(self.model)

    def configure_optimizers(self) -> Any:
        """The optimiser and its learning rate schedule, which advances at each optimiser step."""
        optimiser = build_optimiser(self.model, self.config.optim)
        scheduler = schedule(optimiser, self.config.optim, self.steps)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Limit the norm of all gradients together to `config.gradient_clip`.

        Lightning refuses to with a fused optimiser in mixed precision: it could undo the scaling of
        a loss too late. Losses are scaled in float16 only, which no run uses.
        """
        if self.config.gradient_clip:
            groups = optimizer.param_groups
            parameters = [each for group in groups for each in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.config.gradient_clip)

    def normalise(self, image: Tensor) -> Tensor:
        """Normalise images [B, C, h, w], as they are read, for the network."""
        normal = normalise(image, PixelStatistics(self.pixel_mean, self.pixel_std))
        return normal.contiguous(memory_format=torch.channels_last)

    def on_train_start(self) -> None:
        """Set the mode; a frozen backbone keeps its statistics too."""
        if self.config.freeze_backbone:
            backbone: Any = self.model.backbone
            backbone.eval()

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Losses of a batch."""
        # Random numbers depend only on the position in the run, so a resumed run draws the same
        # ones as an uninterrupted run.
        torch.manual_seed(hash(self.task.draws(batch_idx, self.global_rank)) % 2**63)
        return self.task.losses(self.loss, self.model, self.normalise(batch["image"]), batch)

    def refuse_losses(self, losses: dict[str, float], batch: int) -> NoReturn:
        """Raise for a loss that is not finite.

        Args:
            losses: mean terms of some batches.
            batch: the first batch that was not finite, counted from 1.
        """
        terms = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
        step = -(-batch // self.task.accumulate)
        raise NonFiniteLossError(
            f"the loss is not finite at step {step} (epoch {self.epoch(batch):.2f}): {terms}. "
            f"{ADVICE}"
        )

    def check_weights(self, batch: int) -> None:
        """Raise if a weight, or a statistic of a norm, is not finite; waits for the GPU, once.

        Every process must call it.

        Args:
            batch: batches done.
        """
        named = [
            *self.model.named_parameters(),
            *(pair for pair in self.model.named_buffers() if pair[0].endswith(STATISTICS)),
        ]
        tensors = [each.detach() for _, each in named]
        norms = torch._foreach_norm(tensors, math.inf)  # pyright: ignore[reportPrivateImportUsage]
        largest = torch.stack(norms)
        if not bool(in_any_process(~largest.isfinite().all())):
            return
        broken = [name for (name, _), value in zip(named, largest, strict=True)
                  if not value.isfinite()]  # fmt: skip
        raise NonFiniteLossError(
            f"weights are not finite after step {self.global_step} (epoch "
            f"{self.epoch(batch):.2f}): {', '.join(broken[:3]) or 'those of another process'}"
            f"{', ...' if len(broken) > 3 else ''}. {ADVICE}"
        )

    def on_validation_epoch_start(self) -> None:
        """Reset the scores."""
        self.metrics.reset()
        if self.config.sync_norm != "all":
            share_statistics(self.model)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor | None:
        """Add a batch to the scores; returns what was predicted.

        The batch is empty in a process that has no share of the images.
        """
        return self.task.count(self, batch) if batch else None

    def on_validation_epoch_end(self) -> None:
        """Scores over all processes."""
        self.scores = self.metrics.compute()
        # For the callbacks of users: Lightning's own compare such values.
        row = {f"val/{name}": value for name, value in self.score_row().items()}
        self.log_dict(row, logger=False, batch_size=1)

    def score_row(self) -> dict[str, float]:
        """The values to log for the latest validation."""
        return {} if self.scores is None else self.task.row(self.scores)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the options: an edited config.yaml would otherwise be taken for those of the run."""
        checkpoint[CONFIG_KEY] = to_dict(self.config)

    def epoch(self, batch: int) -> float:
        """Passes over the data after this many batches."""
        return batch / int(self.trainer.num_training_batches) * self.config.epochs
