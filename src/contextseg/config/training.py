"""Training options shared by all kinds of model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from contextseg.config.changed_options import changed_options
from contextseg.config.checks import check
from contextseg.config.marks import BATCH, EPOCHS, STEPS, WITHOUT_EFFECT, bounds


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimConfig:
    """Optimiser and schedule; the papers train with SGD."""

    __repr__ = changed_options

    name: Literal["sgd", "adamw"] = "sgd"
    """`sgd` as in the papers, or `adamw`, whose steps do not depend on the scale of gradients: use
    it (with `lr` near 0.001) if a backbone's weights are so large that SGD hardly moves them."""
    lr: float = field(default=0.01, metadata=bounds(0, 1e30))
    """Base learning rate, used for the backbone."""
    head_lr_factor: float = field(default=10.0, metadata=bounds(0, 1e6))
    """Learning rate factor of everything except the backbone."""
    context_lr_factor: float = field(default=1.0, metadata=bounds(0, 1e6))
    """Additional learning rate factor of the context module."""
    momentum: float = field(default=0.9, metadata=bounds(0, 1))
    """Momentum of SGD, or the first of AdamW's two decay rates (β₁)."""
    nesterov: bool = False
    """Use Nesterov momentum; SGD only."""
    squares_decay: float = field(default=0.999, metadata=bounds(0, 1))
    """Decay rate of AdamW's running mean of squared gradients (β₂)."""
    weight_decay: float = field(default=1e-4, metadata=bounds(0, 1000))
    """Weight decay of convolution and linear weights."""
    decay_all: bool = False
    """Also decay norms, biases, codewords and smoothing factors, as the authors' code does."""
    schedule: Literal["poly", "cosine"] = "poly"
    """How the learning rate decays to 0: `poly` as (1 - step / steps) ** power, `cosine` as half a
    cosine wave."""
    power: float = field(default=0.9, metadata=bounds(0, 1000))
    """Exponent of the poly schedule, lr · (1 - step / steps) ** power."""
    warmup_steps: int = field(default=0, metadata=bounds(0, 10**9))
    """Steps of linear warm-up, over which the learning rate rises from 0."""

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
    """Options shared by `TrainConfig` and `ClassifierTrainConfig`."""

    __repr__ = changed_options

    model: Any
    """The network."""
    data: Any
    """Data set and splits."""
    augment: Any
    """Augmentation of training images."""
    optim: OptimConfig = field(default_factory=OptimConfig)
    """Optimiser and schedule."""
    out: str = field(metadata=WITHOUT_EFFECT)
    """Run folder, for the resolved config, logs, checkpoints and the model."""
    seed: int = 0
    """Seed of initial weights, image order, augmentation and dropout."""
    epochs: int = field(metadata=EPOCHS)
    """Passes over the training images."""
    batch_size: int = field(metadata=BATCH)
    """Images per step."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """Number format of the network: `bf16` runs it in bfloat16 autocast; weights and losses stay in
    float32. `auto` is `bf16` where that is faster, else `32`; a resumed run keeps its format."""
    device: Literal["auto", "cpu", "cuda"] = field(default="auto", metadata=WITHOUT_EFFECT)
    """Device to train on; `auto` uses a GPU if there is one."""
    gradient_clip: float = field(default=0.0, metadata=bounds(0, 1e9))
    """Maximum norm of the gradient; 0 disables clipping."""
    ema_decay: float = field(default=0.0, metadata=bounds(0, 1))
    """Decay of the running average of the weights, which is evaluated and kept; 0 for none."""
    freeze_backbone: bool = False
    """Freeze the backbone's weights and norm statistics, and train only the other parts."""
    val_every: int = field(default=1, metadata=STEPS)
    """Epochs between validations; the last epoch is always validated."""
    checkpoint_every: int = field(metadata=WITHOUT_EFFECT | STEPS)
    """Steps between checkpoints."""
    log_every: int = field(metadata=WITHOUT_EFFECT | STEPS)
    """Steps between rows of the log."""

    def __post_init__(self) -> None:
        check(self)
        if self.ema_decay == 1:
            raise ValueError("ema_decay must be below 1, got 1.")
