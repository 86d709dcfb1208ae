"""Options that trainings of every kind of model share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from contextseg.config.checks import check
from contextseg.config.marks import BATCH, EPOCHS, STEPS, WITHOUT_EFFECT, bounds


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimConfig:
    """Optimiser and schedule; the papers train with SGD."""

    name: Literal["sgd", "adamw"] = "sgd"
    """`sgd` as in the papers, or `adamw`, whose steps do not depend on the scale of gradients: take
    it (with `lr` near 0.001) where a backbone's weights are large and SGD hardly moves them."""
    lr: float = field(default=0.01, metadata=bounds(0, 1e30))
    """Learning rate of the backbone at the first step."""
    head_lr_factor: float = field(default=10.0, metadata=bounds(0, 1e6))
    """Factor of the learning rate of everything that is not the backbone."""
    context_lr_factor: float = field(default=1.0, metadata=bounds(0, 1e6))
    """Further factor of the learning rate of the context module."""
    momentum: float = field(default=0.9, metadata=bounds(0, 1))
    """Momentum of SGD; the first of AdamW's two decays."""
    nesterov: bool = False
    """Nesterov's form of momentum, with SGD."""
    squares_decay: float = field(default=0.999, metadata=bounds(0, 1))
    """Decay of AdamW's running mean of squared gradients."""
    weight_decay: float = field(default=1e-4, metadata=bounds(0, 1000))
    """Weight decay of convolution and linear weights."""
    decay_all: bool = False
    """Decay norms, biases, codewords and smoothing factors too, as the authors' code does."""
    schedule: Literal["poly", "cosine"] = "poly"
    """How the learning rate falls to 0: `poly` as (1 - step / steps) ** power, `cosine` as half a
    wave."""
    power: float = field(default=0.9, metadata=bounds(0, 1000))
    """Exponent of the poly schedule, lr · (1 - step / steps) ** power."""
    warmup_steps: int = field(default=0, metadata=bounds(0, 10**9))
    """Steps over which the learning rate rises from 0."""

    def __post_init__(self) -> None:
        check(self)
        if self.lr == 0:
            raise ValueError(f"lr must be above 0, got {self.lr}.")
        if self.nesterov and self.name != "sgd":
            raise ValueError(f"nesterov is a form of SGD, not of {self.name}.")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """What `TrainConfig` and `ClassifierTrainConfig` have in common."""

    model: Any
    """The network."""
    data: Any
    """Images and classes."""
    augment: Any
    """Augmentation of training images."""
    optim: OptimConfig = field(default_factory=OptimConfig)
    """Optimiser and schedule."""
    out: str = field(metadata=WITHOUT_EFFECT)
    """Run folder: resolved config, logs, checkpoints, the model."""
    seed: int = 0
    """Seed of the weights, the order of images, the augmentation and the dropout."""
    epochs: int = field(metadata=EPOCHS)
    """Passes over the training images."""
    batch_size: int = field(metadata=BATCH)
    """Images a step."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """Number format of the network: `bf16` runs it in bfloat16 autocast; weights and losses stay in
    float32. `auto` is `bf16` where that is faster, else `32`; a resumed run keeps what it has."""
    device: Literal["auto", "cpu", "cuda"] = field(default="auto", metadata=WITHOUT_EFFECT)
    """`auto` takes a GPU if there is one."""
    gradient_clip: float = field(default=0.0, metadata=bounds(0, 1e9))
    """Largest norm of the gradient; 0 leaves it alone."""
    ema_decay: float = field(default=0.0, metadata=bounds(0, 1))
    """Decay of the running average of the weights that is evaluated and kept; 0 for none."""
    freeze_backbone: bool = False
    """Keep the backbone's weights and statistics as they are: train the other parts alone."""
    val_every: int = field(default=1, metadata=STEPS)
    """Epochs between validations; the last epoch is always validated."""
    checkpoint_every: int = field(metadata=WITHOUT_EFFECT | STEPS)
    """Steps between checkpoints to resume from."""
    log_every: int = field(metadata=WITHOUT_EFFECT | STEPS)
    """Steps between lines of the log."""

    def __post_init__(self) -> None:
        check(self)
        if self.ema_decay == 1:
            raise ValueError("ema_decay must be below 1, got 1.")
