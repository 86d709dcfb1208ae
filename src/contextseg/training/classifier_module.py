"""A classifier and its loss, wired to Lightning."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from contextseg.config.classification import ClassifierTrainConfig
from contextseg.data.normalise import PixelStatistics, normalise
from contextseg.metrics.classification import ClassificationMetrics, ClassificationScores
from contextseg.models.classifiers import Classifier
from contextseg.training.module import NonFiniteLossError
from contextseg.training.optim import build_optimiser, schedule


class ClassifierModule(pl.LightningModule):
    """What happens in a step.

    Args:
        config: the run's config, resolved.
        model: the network.
        steps: steps of the whole training.
        exact: [N], bool: which validation images have their original pixels, or None.
    """

    def __init__(
        self,
        config: ClassifierTrainConfig,
        model: Classifier,
        steps: int,
        exact: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.model = model
        self.steps = steps
        self.metrics = ClassificationMetrics(model.num_classes)
        self.scores: ClassificationScores | None = None
        """Of the latest validation."""
        for name in ("mean", "std"):
            values = torch.tensor(getattr(model.config, name)).view(1, 3, 1, 1)
            self.register_buffer(f"pixel_{name}", values * 255, persistent=False)
        self.register_buffer("exact", exact, persistent=False)
        if config.freeze_backbone:
            model.backbone.requires_grad_(False)

    pixel_mean: Tensor
    pixel_std: Tensor
    exact: Tensor | None

    def setup(self, stage: str) -> None:
        """Lay out the weights as the images are, and compile."""
        self.model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        if self.config.compile and not self._is_bf16_on_cpu():
            self.model.compile()

    def _is_bf16_on_cpu(self) -> bool:
        # Compiled by PyTorch 2.15 for a CPU with AMX, gradients of EncNet-14 in bfloat16 were NaN,
        # where those without compilation, and those of the traced graph (aot_eager), are right.
        on_cpu = self.trainer.strategy.root_device.type == "cpu"
        return on_cpu and self.config.precision == "bf16"

    def configure_optimizers(self) -> Any:
        """The optimiser and its schedule, a step of it after each step of the optimiser."""
        optimiser = build_optimiser(self.model, self.config.optim)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {
                "scheduler": schedule(optimiser, self.config.optim, self.steps),
                "interval": "step",
            },
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
        """Loss of a batch."""
        # What the network draws follows from (seed, batch) alone, as in a run that never stopped.
        torch.manual_seed(hash((self.config.seed, batch_idx)) % 2**63)
        logits = self.model(self.normalise(batch["image"]))
        loss = F.cross_entropy(
            logits.float(), batch["labels"], label_smoothing=self.config.label_smoothing
        )
        return {"loss": loss}

    def check(self, loss: float, batch_idx: int) -> None:
        """Raise if a loss (or a mean of several) shows that training has diverged."""
        if not torch.isfinite(torch.tensor(loss)):
            raise NonFiniteLossError(
                f"the loss is not finite by step {self.global_step} (epoch "
                f"{self.epoch(batch_idx):.2f}). Lower optim.lr, set gradient_clip, or add "
                f"optim.warmup_steps."
            )

    def on_validation_epoch_start(self) -> None:
        """Count anew."""
        self.metrics.reset()

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count a batch into the scores."""
        exact = None if self.exact is None else self.exact[batch["index"]]
        self.metrics.update(self.model(self.normalise(batch["image"])), batch["labels"], exact)

    def on_validation_epoch_end(self) -> None:
        """Scores of the whole set."""
        self.scores = self.metrics.compute()

    def score_row(self) -> dict[str, float]:
        """What the log says of the latest validation."""
        scores = self.scores
        if scores is None:
            return {}
        row = {"error": scores.error}
        if scores.error_exact is not None:
            row["error_exact"] = scores.error_exact
        return row

    def epoch(self, batch_idx: int) -> float:
        """Passes over the data after this many batches."""
        total = int(self.trainer.num_training_batches)
        return batch_idx / total * self.config.epochs
