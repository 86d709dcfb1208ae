"""Options of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config.checks import at_least, count_or_auto, one_of, within
from contextseg.config.model import ModelConfig
from contextseg.config.protocol import ProtocolConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Where images and labels come from."""

    root: str = ""
    """Folder of the dataset: images/{train,val,...}, masks/{train,val,...}, classes.json. The word
    `shapes` draws scenes instead (`contextseg.data.shapes`)."""
    layout: str = "auto"
    """How the folder is laid out: `folder` as above, or a public dataset as it is downloaded, by
    its name in `contextseg.data.layouts.LAYOUTS`; `auto` recognises it."""
    train_split: str = "train"
    """Split to train on."""
    val_split: str = "val"
    """Split to choose the best checkpoint on; empty for none."""
    workers: int | Literal["auto"] = "auto"
    """Processes that read and augment images; 0 does it in the training process. `auto` takes as many as
    help on this machine: on a CPU the training needs the cores itself."""
    check: bool = True
    """Read every mask once before training, to find wrong sizes and ids early."""

    def __post_init__(self) -> None:
        count_or_auto("workers", self.workers)


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    """What training does to an image: one affine warp, then colour."""

    crop: tuple[int, int] = (480, 480)
    """Rows and columns of a training crop, in pixels."""
    base_size: int | None = None
    """Pixels of the image's long side at scale 1; None keeps its own size."""
    scale: tuple[float, float] = (0.5, 2.0)
    """Smallest and largest random scale; their logarithms are drawn evenly."""
    rotation: float = 10.0
    """Largest rotation to either side, in degrees."""
    flip: float = 0.5
    """Probability of a mirror image."""
    brightness: float = 0.0
    """Largest relative change of brightness, 0 to 1."""
    contrast: float = 0.0
    """Largest relative change of contrast, 0 to 1."""
    saturation: float = 0.0
    """Largest relative change of saturation, 0 to 1."""
    hue: float = 0.0
    """Largest turn of the hue, in turns of the colour circle, 0 to 0.5."""

    def __post_init__(self) -> None:
        at_least("crop", min(self.crop), 32)
        if self.base_size is not None:
            at_least("base_size", self.base_size, 32)
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be 0 < smallest <= largest, got {list(self.scale)}.")
        within("rotation", self.rotation, 0, 180)
        for name, top in (
            ("flip", 1.0),
            ("brightness", 1.0),
            ("contrast", 1.0),
            ("saturation", 1.0),
            ("hue", 0.5),
        ):
            within(name, getattr(self, name), 0, top)


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """Per-pixel cross-entropy. The other terms' weights stand with the module that they train."""

    class_weights: Literal["none", "balanced"] | tuple[float, ...] = "none"
    """Weight of each class: none, `balanced` (inverse square root of the class's share of the
    training pixels, mean 1), or one number a class."""
    label_smoothing: float = 0.0
    """Share of the target spread evenly over all classes."""
    ohem_threshold: float | None = None
    """Online hard example mining: only pixels whose true class has a probability below this count
    (0.7 is usual); None counts all."""
    ohem_min_kept: int = 100_000
    """Pixels of a batch that count at least, however easy."""

    def __post_init__(self) -> None:
        if isinstance(self.class_weights, str):
            one_of("class_weights", self.class_weights, ("none", "balanced"))
        elif min(self.class_weights, default=-1.0) < 0:
            raise ValueError(f"class_weights must not be negative, got {list(self.class_weights)}.")
        within("label_smoothing", self.label_smoothing, 0, 1)
        if self.ohem_threshold is not None:
            within("ohem_threshold", self.ohem_threshold, 0, 1)
        at_least("ohem_min_kept", self.ohem_min_kept, 1)


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
        if self.lr <= 0:
            raise ValueError(f"lr must be above 0, got {self.lr}.")
        at_least("head_lr_factor", self.head_lr_factor, 0)
        at_least("context_lr_factor", self.context_lr_factor, 0)
        one_of("name", self.name, ("sgd", "adamw"))
        one_of("schedule", self.schedule, ("poly", "cosine"))
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
class TrainConfig:
    """One training run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    """The network."""
    data: DataConfig = field(default_factory=DataConfig)
    """Images and labels."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """Augmentation of training images."""
    loss: LossConfig = field(default_factory=LossConfig)
    """Cross-entropy and its options."""
    optim: OptimConfig = field(default_factory=OptimConfig)
    """Optimiser and schedule."""
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    """Evaluation of the finished model, with `contextseg evaluate --protocol`; the validations of
    a training look at whole images once."""
    out: str = "runs/run"
    """Run folder: resolved config, logs, checkpoints, the best model."""
    seed: int = 0
    """Seed of the weights, the order of images, the augmentation and the dropout."""
    epochs: int = 25
    """Passes over the training images."""
    batch_size: int = 8
    """Images a step, over all devices, before accumulation."""
    accumulate: int = 1
    """Batches whose gradients are summed up to one step of the optimiser."""
    precision: Literal["32", "bf16"] = "32"
    """`bf16` runs the network in bfloat16 autocast; weights and losses stay in float32."""
    devices: int = 1
    """Processes to train with: GPUs where there are any, else CPU processes."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes a GPU if there is one."""
    gradient_clip: float = 0.0
    """Largest norm of the gradient; 0 leaves it alone."""
    ema_decay: float = 0.0
    """Decay of the running average of the weights that is evaluated and kept; 0 for none."""
    freeze_backbone: bool = False
    """Keep the backbone's weights and statistics as they are."""
    init_from: str = ""
    """Run folder or safetensors file to start from; a head of other classes is drawn anew."""
    val_every: int = 1
    """Epochs between validations; the last epoch is always validated."""
    checkpoint_every: int = 100
    """Steps between checkpoints to resume from."""
    log_every: int = 10
    """Steps between lines of the log."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "devices", "val_every",
                     "checkpoint_every", "log_every"):  # fmt: skip
            at_least(name, getattr(self, name), 1)
        one_of("precision", self.precision, ("32", "bf16"))
        one_of("device", self.device, ("auto", "cpu", "cuda"))
        at_least("gradient_clip", self.gradient_clip, 0)
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be in 0 to below 1, got {self.ema_decay}.")
        if self.batch_size % self.devices:
            raise ValueError(
                f"batch_size must divide evenly over the devices, got {self.batch_size} images "
                f"over {self.devices} devices."
            )
