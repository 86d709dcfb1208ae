"""Options that trainings of every kind of model share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from contextseg.config.checks import at_least, literals, within
from contextseg.config.marks import FREE_ON_RESUME, WITHOUT_EFFECT


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimConfig:
    """Optimiser and schedule; the papers train with SGD."""

    name: Literal["sgd", "adamw"] = "sgd"
    """`sgd` as in the papers, or `adamw`, whose steps do not depend on the scale of gradients: take
    it (with `lr` near 0.001) where a backbone's weights are large and SGD hardly moves them."""
    lr: float = 0.01
    """Learning rate of the backbone at the first step."""
    head_lr_factor: float = 10.0
    """Factor of the learning rate of everything that is not the backbone."""
    context_lr_factor: float = 1.0
    """Further factor of the learning rate of the context module."""
    momentum: float = 0.9
    """Momentum of SGD; the first of AdamW's two decays."""
    nesterov: bool = False
    """Nesterov's form of momentum, with SGD."""
    squares_decay: float = 0.999
    """Decay of AdamW's running mean of squared gradients."""
    weight_decay: float = 1e-4
    """Weight decay of convolution and linear weights."""
    decay_all: bool = False
    """Decay norms, biases, codewords and smoothing factors too, as the authors' code does."""
    schedule: Literal["poly", "cosine"] = "poly"
    """How the learning rate falls to 0: `poly` as (1 - step / steps) ** power, `cosine` as half a
    wave."""
    power: float = 0.9
    """Exponent of the poly schedule, lr · (1 - step / steps) ** power."""
    warmup_steps: int = 0
    """Steps over which the learning rate rises from 0."""

    def __post_init__(self) -> None:
        literals(self)
        if self.lr <= 0:
            raise ValueError(f"lr must be above 0, got {self.lr}.")
        at_least("head_lr_factor", self.head_lr_factor, 0)
        at_least("context_lr_factor", self.context_lr_factor, 0)
        within("momentum", self.momentum, 0, 1)
        within("squares_decay", self.squares_decay, 0, 1)
        if self.nesterov and self.name != "sgd":
            raise ValueError(f"nesterov is a form of SGD, not of {self.name}.")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0.")
        at_least("weight_decay", self.weight_decay, 0)
        at_least("power", self.power, 0)
        at_least("warmup_steps", self.warmup_steps, 0)


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
    epochs: int
    """Passes over the training images."""
    batch_size: int
    """Images a step."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """Number format of the network: `bf16` runs it in bfloat16 autocast; weights and losses stay in
    float32. `auto` is `bf16` where that is faster, else `32`; a resumed run keeps what it has."""
    device: Literal["auto", "cpu", "cuda"] = field(default="auto", metadata=WITHOUT_EFFECT)
    """`auto` takes a GPU if there is one."""
    devices: int = field(default=1, metadata=FREE_ON_RESUME)
    """Processes to train with on each machine: GPUs where there are any, else CPU processes. Under
    torchrun or SLURM, the launcher says how many there are."""
    nodes: int = field(default=1, metadata=FREE_ON_RESUME)
    """Machines to train with. Without a launcher, start the same command on each, with
    `MASTER_ADDR`, `MASTER_PORT` and `NODE_RANK` in the environment."""
    timeout: int = field(default=1800, metadata=WITHOUT_EFFECT)
    """Seconds after which a process that does not answer counts as lost, and the training ends; at
    least 10."""
    sync_norm: Literal["all", "node", "none"] = "all"
    """Which processes batch norm takes its statistics from: `all`, as one process with the whole
    batch would; those of the same machine (`node`), which is faster on many machines; or `none`
    but its own."""
    gradient_clip: float = 0.0
    """Largest norm of the gradient; 0 leaves it alone."""
    ema_decay: float = 0.0
    """Decay of the running average of the weights that is evaluated and kept; 0 for none."""
    freeze_backbone: bool = False
    """Keep the backbone's weights and statistics as they are: train the other parts alone."""
    val_every: int = 1
    """Epochs between validations; the last epoch is always validated."""
    checkpoint_every: int = field(metadata=WITHOUT_EFFECT)
    """Steps between checkpoints to resume from."""
    log_every: int = field(metadata=WITHOUT_EFFECT)
    """Steps between lines of the log."""

    def __post_init__(self) -> None:
        literals(self)
        for name in (
            "epochs",
            "batch_size",
            "devices",
            "nodes",
            "val_every",
            "checkpoint_every",
            "log_every",
        ):
            at_least(name, getattr(self, name), 1)
        at_least("timeout", self.timeout, 10)
        processes = self.devices * self.nodes
        if self.batch_size % processes:
            raise ValueError(
                f"batch_size must divide evenly over the processes, got {self.batch_size} images "
                f"over {processes} processes ({self.nodes} nodes of {self.devices} devices)."
            )
        at_least("gradient_clip", self.gradient_clip, 0)
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be in 0 to below 1, got {self.ema_decay}.")
