"""Training options shared by all kinds of model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from contextseg.config.auto import Auto
from contextseg.config.checks import check
from contextseg.config.loggers import LoggerName, check_loggers
from contextseg.config.marks import (
    BATCH,
    EPOCHS,
    FREE_ON_RESUME,
    RESOLVED,
    STEPS,
    WITHOUT_EFFECT,
    bounds,
)
from contextseg.config.optimisers import check_optimiser


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimConfig:
    """Optimiser and schedule; the papers train with SGD."""

    name: str = "sgd"
    """`sgd` as in the papers; `adamw`, whose steps do not depend on the scale of gradients: use it
    (with `lr` near 0.001) if a backbone's weights are so large that SGD hardly moves them; or an
    optimiser of timm's factory, such as `lion`, `lamb` or `muon` (`timm.optim.list_optimizers()`),
    with a learning rate that suits it."""
    lr: float | Auto = field(default=0.01, metadata=RESOLVED | bounds(0, 1e30))
    """Base learning rate, used for the backbone. `auto` takes it from the optimiser and the number
    of images per step; segmentation models only."""
    head_lr_factor: float = field(default=10.0, metadata=bounds(0, 1e6))
    """Learning rate factor of everything except the backbone."""
    context_lr_factor: float = field(default=1.0, metadata=bounds(0, 1e6))
    """Additional learning rate factor of the context module."""
    layer_decay: float = field(default=1.0, metadata=bounds(0, 1))
    """Factor of the backbone's learning rate from each layer to the one before it, which keeps
    early layers near their pretrained weights; 1 gives all layers the same rate."""
    momentum: float = field(default=0.9, metadata=bounds(0, 1))
    """Momentum of SGD and other optimisers that have one, or the first of AdamW's two decay rates
    (β₁)."""
    nesterov: bool = False
    """Use Nesterov momentum; SGD only."""
    squares_decay: float = field(default=0.999, metadata=bounds(0, 1))
    """Decay rate of AdamW's running mean of squared gradients (β₂); AdamW only."""
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
        if self.layer_decay == 0:
            raise ValueError("layer_decay must be above 0, got 0. To keep the backbone as it is, "
                             "set freeze_backbone.")  # fmt: skip
        check_optimiser(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """Options shared by `TrainConfig` and `ClassifierTrainConfig`."""

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
    epochs: int | Auto = field(metadata=EPOCHS)
    """Passes over the training images."""
    batch_size: int | Auto = field(metadata=BATCH)
    """Images per step."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """Number format of the network: `bf16` runs it in bfloat16 autocast; weights and losses stay in
    float32. `auto` is `bf16` where that is faster, else `32`; a resumed run keeps its format."""
    device: Literal["auto", "cpu", "cuda", "mps"] = field(default="auto", metadata=WITHOUT_EFFECT)
    """Device to train on: `auto` takes a CUDA GPU if there is one, else the CPU; `mps` is the GPU
    of an Apple computer."""
    devices: int = field(default=1, metadata=FREE_ON_RESUME | bounds(1, 1024))
    """Training processes on each machine: one per GPU if there are any, else on the CPU. Under
    torchrun or SLURM, the launcher sets their number."""
    nodes: int = field(default=1, metadata=FREE_ON_RESUME | bounds(1, 65536))
    """Machines to train on. Without a launcher, start the same command on each, with
    `MASTER_ADDR`, `MASTER_PORT` and `NODE_RANK` in the environment."""
    timeout: int = field(default=1800, metadata=WITHOUT_EFFECT | bounds(10, 1_000_000))
    """Seconds after which a process that does not answer counts as lost and the training ends."""
    sync_norm: Literal["all", "node", "none"] = "all"
    """Processes that share batch norm statistics: `all`, like one process with the whole batch;
    those of the same machine (`node`), which is faster on many machines; or `none`."""
    compile: bool = field(default=False, metadata=FREE_ON_RESUME)
    """Compile the network (torch.compile; of a segmentation model, the backbone): slower by minutes
    at the start, then faster. Ignored in bfloat16 on a CPU, where gradients compiled by PyTorch
    2.15 were NaN."""
    gradient_checkpointing: bool = field(default=False, metadata=WITHOUT_EFFECT)
    """Compute the backbone's inner features again for the gradient instead of keeping them: less
    memory, slower steps, the same gradients."""
    gradient_clip: float = field(default=0.0, metadata=bounds(0, 1e9))
    """Maximum norm of the gradient; 0 disables clipping."""
    ema_decay: float = field(default=0.0, metadata=bounds(0, 1))
    """Decay of the running average of the weights, which is evaluated and kept; 0 for none."""
    freeze_backbone: bool = False
    """Freeze the backbone's weights and norm statistics, and train only the other parts."""
    val_every: int | Auto = field(default=1, metadata=RESOLVED | STEPS)
    """Epochs between validations; the last epoch is always validated. `auto` spreads about 20 over
    the run; segmentation models only."""
    patience: int = field(default=0, metadata=bounds(0, 10**6))
    """Validations without a better score after which the run ends early, with the best weights
    kept as usual; 0 always trains to the end."""
    checkpoint_every: int = field(metadata=WITHOUT_EFFECT | STEPS)
    """Steps between checkpoints."""
    log_every: int = field(metadata=WITHOUT_EFFECT | STEPS)
    """Steps between rows of the log."""
    pictures: bool = field(default=True, metadata=WITHOUT_EFFECT)
    """Write `report.html` and `pictures/` into the run folder: first batches with their labels,
    curves, scores by class, best and worst validation images."""
    logger: tuple[LoggerName, ...] = field(default=(), metadata=WITHOUT_EFFECT)
    """Loggers besides metrics.csv and TensorBoard: `wandb`, `mlflow`, or both. Each needs the extra
    of its name."""

    def __post_init__(self) -> None:
        check(self)
        if self.ema_decay == 1:
            raise ValueError("ema_decay must be below 1, got 1.")
        processes = self.devices * self.nodes
        if isinstance(self.batch_size, int) and self.batch_size % processes:
            raise ValueError(
                f"batch_size must divide evenly over the processes, got {self.batch_size} images "
                f"over {processes} processes ({self.nodes} nodes of {self.devices} devices)."
            )
        check_loggers(self.logger)
        if self.compile and self.gradient_checkpointing:
            raise ValueError("compile and gradient_checkpointing exclude each other: choose one.")
